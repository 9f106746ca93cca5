#!/usr/bin/env bats
# Documents are true or absent. Manuals, READMEs and completion are compared with what the program and its tables say, in
# both directions where both can be listed. No root, no lab: VMMIG is the binary (build/vmmig).

setup_file() {
	TOP=${TEST_TOP:-$(cd -- "$BATS_TEST_DIRNAME/.." && pwd -P)}
	VMMIG=${VMMIG:-$TOP/build/vmmig}
	MAN=$TOP/man
	export TOP VMMIG MAN LC_ALL=C.UTF-8
	unset VMMIG_CONF XDG_CONFIG_HOME
	[ -x "$VMMIG" ] || { echo "no binary: $VMMIG (make)" >&2; return 1; }
}

setup() { cd -- "$TOP" || return 1; }

# --- helpers -------------------------------------------------------------

# same WHAT LIST WHAT LIST: the two lists (one a line, any order) have the same lines, and are not empty.
same() {
	local a b
	a=$(sort -u <<<"$2" | sed '/^$/d') b=$(sort -u <<<"$4" | sed '/^$/d')
	[ -n "$a" ] || { echo "nothing found: $1"; return 1; }
	[ "$a" = "$b" ] && return
	echo "only in $1:"; comm -23 <(echo "$a") <(echo "$b")
	echo "only in $3:"; comm -13 <(echo "$a") <(echo "$b")
	return 1
}

# has TEXT SENTENCE MESSAGE: blanks of any kind and number are one.
has() {
	local text sentence
	text=$(tr -s ' \t\n' ' ' <<<"$1") sentence=$(tr -s ' \t\n' ' ' <<<"$2")
	[[ $text == *"${sentence% }"* ]] && return
	echo "$3: not found: ${sentence% }"
	return 1
}

# rendered PAGE: as a reader sees it, without line breaks in paragraphs.
rendered() { mandoc -T utf8 -O width=1000 "$MAN/$1" | sed 's/.\x08//g'; }

# section PAGE HEADING: the rendered text of one section.
section() { rendered "$1" | awk -v h="$2" '/^[A-Z]/ { on = $0 == h; next } on'; }

commands() { "$VMMIG" help | sed -n '/^$/,/^Options/ s/^  \([a-z][a-z-]*\) .*/\1/p'; }

# options COMMAND: the long options of its help, without those that all commands have.
options_all() { "$VMMIG" "$1" --help | sed -n 's/^ *\(-[^ -], \)\{0,1\} *--\([a-z][a-z-]*\).*/\2/p' | sort -u; }
options_common() { options_all help; }
options() { comm -23 <(options_all "$1") <(options_common); }

# documented_options PAGE: what the page explains as an option.
documented_options() { sed -n '/^\.It Fl/p' "$MAN/$1" | grep -oE 'Fl \\-[a-z-]+' | sed 's/Fl \\-//' | sort -u; }

# checks: ID, severity, subject, text and hint of each row of the table, with tabs between.
checks() {
	awk '
	{ all = all $0 "\n" }
	END {
		while (match(all, /\n\t(ERROR|WARNING)\("/)) {
			kind = tolower(substr(all, RSTART + 2, 5)) == "error" ? "error" : "warning"
			all = substr(all, RSTART + RLENGTH - 1)
			match(all, /"\),\n/)
			row = substr(all, 1, RSTART)
			gsub(/"[ \t\n]+"/, "", row)	# strings side by side are one
			split("", s)
			for (n = 0; match(row, /"([^"\\]|\\.)*"/); row = substr(row, RSTART + RLENGTH))
				s[++n] = substr(row, RSTART + 1, RLENGTH - 2)
			print s[1] "\t" kind "\t" s[2] "\t" s[3] "\t" s[4]
		}
	}' lib/check/table.c | sed 's/\\"/"/g'
}

# errors: ID and exit status of each line of err.h.
errors() {
	local status id
	sed -n 's/.*X(E_[A-Z_]*, "\([A-Z-]*\)", \(STATUS_[A-Z]*\),.*/\1 \2/p' lib/base/err.h |
		while read -r id status; do
			echo "$id $(sed -n "s/^\t$status = \([0-9]*\),.*/\1/p" lib/base/err.h)"
		done
}

# keys: section, key, value, range (or nothing), text, with \037 between, out of the commented default file.
keys() {
	"$VMMIG" config --default | awk '
	/^[a-z]+ = [({]/ { section = $1; text = ""; next }
	/^#?[ \t]*#? *[{}]/ || /^[)}]/ { text = ""; next }
	{ line = $0; sub(/^#?[ \t]*/, "", line); sub(/^# ?/, "", line) }
	section && line ~ /^[a-z_0-9]+ = .*;/ {
		key = line; sub(/ =.*/, "", key)
		value = line; sub(/^[^=]*= /, "", value); sub(/;.*/, "", value)
		range = ""
		if (match(line, /;  # .*/)) range = substr(line, RSTART + 5)
		print section "\037" key "\037" value "\037" range "\037" text
		text = ""; next
	}
	section && line ~ /[^ ]/ { text = text (text ? " " : "") line; next }
	{ text = "" }'
}

# examples: every call of vmmig in a document that is meant to be typed, from "vmmig" on. In mdoc those are .Dl, .Ql and
# displays; in Markdown, code.
examples() {
	local file
	for file in "$MAN"/*.[1-9]; do
		awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { on = 0 } on || /^\.(Dl|Ql) /' "$file"
	done | sed 's/^\.[DQ]l //' | called
	for file in README.md lib/README.md; do
		awk '/^```/ { on = !on; next } on || /^    [^ ]/ { print; next }
			{ while (match($0, /`[^`]*`/)) { print substr($0, RSTART + 1, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH) } }' "$file" | called
	done
}

# Each call begins a line, or comes after "$ ", sudo, a path, root (a crontab), or one of |;(. JSON is no call.
called() { grep -v '^{' | grep -oE '(^ *|[$#] |sudo |build/|[|;(] *|root |xargs -r )vmmig( [^|;)]*|$)' | sed 's/^.*\(vmmig\( .*\|\)\)$/\1/'; }

# known_call CALL: its command and options exist.
known_call() {
	local words word command='' skip=no
	read -ra words <<<"${1#vmmig}"
	for word in "${words[@]}"; do
		if [ $skip = yes ]; then skip=no; continue; fi
		case $word in
		'>'* | '&&' | '#') break ;;
		-c) skip=yes ;;
		--*)
			word=${word#--} word=${word%%=*}
			options_all "${command:-help}" | grep -qx -- "$word" ||
				{ echo "\"$1\": there is no option --$word"; return 1; } ;;
		-*) [[ $word =~ ^-[vqV?]$ ]] || { echo "\"$1\": there is no option $word"; return 1; } ;;
		*)
			[ -z "$command" ] || continue
			command=${word%[.,]}
			[[ $command != COMMAND ]] || return 0
			commands | grep -qx -- "$command" || { echo "\"$1\": there is no command $command"; return 1; } ;;
		esac
	done
}

# --- the manuals as such --------------------------------------------------

@test "manuals: mandoc has no complaint" {
	for page in "$MAN"/*.[1-9]; do
		run mandoc -T lint -W warning "$page"
		[ -z "$output" ] || { echo "$output"; return 1; }
	done
}

@test "manuals: references to pages of vmmig lead somewhere" {
	local list name number
	list=$(sed -n 's/.*\.\{0,1\}Xr \(vmmig[a-z.-]*\) \([0-9]\).*/\1 \2/p' "$MAN"/*.[1-9] | sort -u)
	[ -n "$list" ]
	while read -r name number; do
		[ -e "$MAN/$name.$number" ] || { echo "$name($number) is referred to, and is not there"; return 1; }
	done <<<"$list"
}

@test "manuals: each stands in the SEE ALSO of another" {
	for page in "$MAN"/*.[1-9]; do
		name=$(basename "$page")
		[ "$name" != vmmig-help.1 ] || continue
		find "$MAN" -name '*.[1-9]' ! -name "$name" -exec cat {} + | grep >/dev/null "^\.Xr ${name%.*} ${name##*.}" ||
			{ echo "nobody refers to $name"; return 1; }
	done
}

# --- commands and options ---------------------------------------------------

@test "commands: each has a manual page, and each page a command" {
	same "vmmig help" "$(commands)" "man/" "$(cd "$MAN" && printf '%s\n' vmmig-*.1 | sed 's/^vmmig-\(.*\)\.1$/\1/')"
}

@test "commands: vmmig(1) has them all, with the words of vmmig help" {
	local text command summary
	same "vmmig help" "$(commands)" "vmmig.1" "$(sed -n 's/^\.It Cm \([a-z-]*\)$/\1/p' "$MAN/vmmig.1")"
	text=$(rendered vmmig.1)
	while read -r command; do
		summary=$("$VMMIG" help | sed -n "s/^  $command  *//p")
		has "$text" "$summary: vmmig-$command(1)" vmmig.1 || has "$text" "overview, or the help of one command: vmmig-$command(1)" vmmig.1
	done < <(commands)
}

@test "commands: each has a source file and stands in its page's SYNOPSIS" {
	while read -r command; do
		[ -e "cmd/$command.c" ] || { echo "no cmd/$command.c"; return 1; }
		sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$MAN/vmmig-$command.1" | grep -q "^\.Nm vmmig Cm $command" ||
			{ echo "vmmig-$command.1: the SYNOPSIS does not begin with vmmig $command"; return 1; }
	done < <(commands)
}

@test "options: those of each command are those of its page, and in its SYNOPSIS" {
	local command option
	while read -r command; do
		if [ -z "$(options "$command")" ]; then
			[ -z "$(documented_options "vmmig-$command.1")" ] || { echo "vmmig-$command.1 has options, the command none"; return 1; }
			continue
		fi
		same "vmmig $command --help" "$(options "$command")" "vmmig-$command.1" "$(documented_options "vmmig-$command.1")"
		while read -r option; do
			sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$MAN/vmmig-$command.1" | grep -q -- "Fl .-$option\b" ||
				{ echo "vmmig-$command.1: --$option is not in the SYNOPSIS"; return 1; }
		done < <(options "$command")
	done < <(commands)
}

@test "options: those of all commands are those of vmmig(1)" {
	same "vmmig help --help" "$(options_common)" "vmmig.1" "$(documented_options vmmig.1)"
}

@test "options: what a page calls an option anywhere is one" {
	local page option all
	all=$(while read -r command; do options_all "$command"; done < <(commands) | sort -u)
	# options of virsh
	all+=$'\nmetadata'
	for page in "$MAN"/*.[1-9]; do
		while read -r option; do
			grep -qx -- "$option" <<<"$all" || { echo "$(basename "$page"): --$option"; return 1; }
		done < <(grep -oE 'Fl \\-[a-z-]+' "$page" | sed 's/Fl \\-//')
	done
}

@test "examples: each command and option that is shown exists" {
	local n=0 call
	while IFS= read -r call; do
		known_call "$call"
		n=$((n + 1))
	done < <(examples)
	echo "$n calls"
	[ "$n" -gt 45 ]
}

@test "examples: each command that vmmig-troubleshooting(7) or vmmig-recover(1) names, also in a sentence, exists with its options" {
	local page call n=0
	for page in vmmig-troubleshooting.7 vmmig-recover.1; do
		while IFS= read -r call; do
			known_call "$call"
			n=$((n + 1))
		done < <(sed -nE 's/^\.(D1|Dl|Ql|Pq|Po|Sx|It)? ?(.* )?((\$ |Ql |Dl )vmmig )/vmmig /p' "$MAN/$page" | sed -E 's/ (, No|No|Pc) .*//; s/ [.,;:)]+$//; s/[|;].*//' | sort -u)
	done
	echo "$n calls"
	[ "$n" -ge 45 ]
}

@test "messages: each call of vmmig in a hint of the program has options that exist" {
	local call n=0
	while IFS= read -r call; do
		known_call "$call"
		n=$((n + 1))
	done < <(cat lib/*/*.c cmd/*.c | tr -d '\n' | sed 's/"[ \t]*"//g' | grep -oE '(err_hint(_text)?|quote_printf)\([^;]*;' | grep -oE '(^|[^-a-z(])vmmig [a-z]+ [^";,]*--[^";,]*' | sed 's/^[^v]*//' | sort -u)
	echo "$n calls"
	[ "$n" -ge 8 ]
}

@test "messages: each command that the program's own hints name exists" {
	local word n=0
	while read -r word; do
		commands | grep -qx -- "$word" || { echo "a message names vmmig $word"; grep -rn "vmmig $word" lib cmd; return 1; }
		n=$((n + 1))
	done < <(grep -rhoE '"[^"]*(: |see |with |tells: |try )vmmig [a-z]+' lib/*/*.c cmd/*.c | sed 's/.*vmmig //' | grep -v -x -e works -e suspended)
	[ "$n" -gt 5 ]
}

# --- configuration ------------------------------------------------------------

@test "configuration: conf/vmmig.conf is what vmmig config --default prints" {
	diff -u conf/vmmig.conf <("$VMMIG" config --default)
}

@test "configuration: conf/vmmig.conf can be read" {
	cp conf/vmmig.conf "$BATS_TEST_TMPDIR/vmmig.conf"
	chmod 644 "$BATS_TEST_TMPDIR/vmmig.conf"
	"$VMMIG" -c "$BATS_TEST_TMPDIR/vmmig.conf" config
}

@test "configuration: vmmig.conf(5) has the keys of the table, section by section" {
	local table page
	table=$(keys | cut -d$'\037' -f1,2 | tr '\037' ' ')
	page=$(awk '/^\.Ss / { section = $2 } /^\.It Ic / { print section, $3 }' "$MAN/vmmig.conf.5")
	same "vmmig config --default" "$table" "vmmig.conf.5" "$page"
	# and the parser of this test has missed none
	same "lib/config/keys.c" "$(grep -oE '(HOST_STRING\(|UINT\("[a-z]+", |\.name = ")[a-z_0-9]+' lib/config/keys.c | sed 's/.*[("]\{1\}//; s/.* //' | sed '/field_/d')" \
		"vmmig config --default" "$(cut -d' ' -f2 <<<"$table")"
}

@test "configuration: vmmig.conf(5) has text, range and default of each key" {
	local section key value range text page tag word with_default
	page=$(rendered vmmig.conf.5)
	# the others have an example in the file
	with_default=$(tr '\n' ' ' <lib/config/keys.c | sed 's/\t{ /\n{ /g' | sed -n '/\.def = / s/^{ \(HOST_STRING(\|UINT("[a-z]*", \|.*\.name = "\)\([a-z_0-9]*\).*/\2/p')
	[ "$(wc -l <<<"$with_default")" -ge 10 ]
	while IFS=$'\037' read -r section key value range text; do
		has "$page" "$text" "vmmig.conf.5, $key"
		tag=$(sed -n "/^   $section\$/,/^   [a-z]/ s/^     $key (\(.*\))\$/\1/p" <<<"$page")
		[ -n "$tag" ] || { echo "vmmig.conf.5: no tag for $key"; return 1; }
		case $range in
		'') ;;
		'true false') [[ $tag == 'true or false'* ]] ;;
		*' to '*) [[ $tag == *"number, $range"* ]] ;;
		*) for word in $range; do [[ $tag == *"$word"* ]] || break; done; [[ $tag == *"$word"* ]] ;;
		esac || { echo "vmmig.conf.5: $key ($tag): the range is $range"; return 1; }
		if grep -qx -- "$key" <<<"$with_default"; then
			[[ $tag == *"default $value"* ]] || { echo "vmmig.conf.5: $key ($tag): the default is $value"; return 1; }
		else
			[[ $tag != *default* ]] || { echo "vmmig.conf.5: $key ($tag) has no default"; return 1; }
		fi
	done < <(keys)
}

@test "configuration: the examples of vmmig.conf(5) and README.md can be read" {
	local n=0 file=$BATS_TEST_TMPDIR/example.conf
	{
		awk '/^\.Bd -literal/ { on = 1; next } /^\.Ed/ { if (on) print "%%"; on = 0 } on' "$MAN/vmmig.conf.5"
		awk '/^```/ { if (on) print "%%"; on = !on; next } on' README.md
	} >"$BATS_TEST_TMPDIR/all"
	while IFS= read -r -d % text; do
		[[ $text == *'hosts = ('* ]] || continue
		printf '%s\n' "$text" >"$file"
		"$VMMIG" -c "$file" config >/dev/null
		n=$((n + 1))
	done <"$BATS_TEST_TMPDIR/all"
	[ "$n" = 3 ]
}

# --- checks and errors -----------------------------------------------------------

@test "checks: the table can be read by this test" {
	same "lib/check/table.c" "$(grep -oE '"[EW]-[A-Z-]+"' lib/check/table.c | tr -d '"')" \
		"its parser here" "$(checks | cut -f1)"
	[ -z "$(checks | awk -F'\t' 'NF != 5 || $4 == "" || $5 == ""')" ]
}

@test "checks: vmmig-check(1) has each, its severity, text and hint, under its subject" {
	local page id severity subject text hint heading
	page=$(section vmmig-check.1 CHECKS)
	same "lib/check/table.c" "$(checks | cut -f1)" "vmmig-check.1" "$(sed -n 's/^     \([EW]-[A-Z-]*\) (.*/\1/p' <<<"$page")"
	while IFS=$'\t' read -r id severity subject text hint; do
		has "$page" "$id ($severity) $text Hint: $hint." vmmig-check.1
		case $subject in
		guest) heading='The guest' ;; hosts) heading='The hosts' ;; cpu) heading=CPU ;;
		connection) heading='From source to destination' ;; *) heading=${subject^} ;;
		esac
		awk -v h="   $heading" '/^   [A-Z]/ { on = $0 == h } on' <<<"$page" | grep -q "^     $id (" ||
			{ echo "vmmig-check.1: $id is not under \"$heading\""; return 1; }
	done < <(checks)
}

# What vmmig-troubleshooting(7) has a section for.
explained() { awk -v h="$1" '/^\.Sh/ { on = substr($0, 5) == h } on && /^\.Ss [EW]-/ { print $2 }' "$MAN/vmmig-troubleshooting.7"; }

@test "checks: vmmig-troubleshooting(7) explains each, and no other, in alphabetical order" {
	same "lib/check/table.c" "$(checks | cut -f1)" "vmmig-troubleshooting.7" "$(explained CHECKS)"
	diff <(explained CHECKS) <(explained CHECKS | LC_ALL=C sort -u)
}

@test "errors: vmmig-troubleshooting(7) explains each with its exit status, and no other, in alphabetical order" {
	local id status
	same "lib/base/err.h" "$(errors | cut -d' ' -f1)" "vmmig-troubleshooting.7" "$(explained 'ERROR IDS')"
	diff <(explained 'ERROR IDS') <(explained 'ERROR IDS' | LC_ALL=C sort -u)
	while read -r id status; do
		grep -qx "\.Ss $id ($status)" "$MAN/vmmig-troubleshooting.7" || { echo "$id: its exit status is $status"; return 1; }
	done < <(errors)
	same "lib/base/err.h" "$(grep -oE '"E-[A-Z-]+"' lib/base/err.h | tr -d '"')" "its parser here" "$(errors | cut -d' ' -f1)"
}

@test "errors: each section says more than its title" {
	awk '/^\.S[sh]/ { if (id && n < 2) { print id; bad = 1 } id = ""; if (/^\.Ss [EW]-/) { id = $2; n = 0 } next }
		id && !/^\.(Pp|\\")/ { n++ } END { exit bad }' "$MAN/vmmig-troubleshooting.7"
}

@test "errors: an ID that any document names is one" {
	local known
	known=$({ checks | cut -f1; errors | cut -d' ' -f1; } | sort -u)
	while read -r id; do
		grep -qx -- "$id" <<<"$known" || { echo "there is no $id"; grep -rn -e "$id" man README.md lib/README.md; return 1; }
	done < <(cat "$MAN"/*.[1-9] README.md lib/README.md | grep -oE '\b[EW]-[A-Z]{2,}[A-Z-]*\b' | sort -u)
}

@test "exit statuses: vmmig(1) and README.md have them all, and the order for several guests" {
	local all order
	all=$(sed -n 's/^\tSTATUS_[A-Z]* = \([0-9]*\),.*/\1/p' lib/base/err.h)
	same "lib/base/err.h" "$all" "vmmig.1" "$(sed -n '/^\.Sh EXIT STATUS/,/^\.El/ s/^\.It //p' "$MAN/vmmig.1")"
	same "lib/base/err.h" "$all" "README.md" "$(sed -n '/^## Exit status/,/^## /s/^| \([0-9]\) |.*/\1/p' README.md)"
	# the ranks of status_worst(), the worst one first
	order=$(grep -oE '\[STATUS_[A-Z]+\] = [0-9]+' lib/base/err.c | sed 's/\[\(.*\)\] = \(.*\)/\2 \1/' | sort -rn |
		while read -r _ name; do sed -n "s/^\t$name = \([0-9]*\),.*/\1/p" lib/base/err.h; done | paste -sd, | sed 's/,/, /g')
	[[ $order == 4,* ]]
	has "$(rendered vmmig.1)" "in this order: $order." vmmig.1
	has "$(cat README.md)" "in the order $order." README.md
}

@test "exit statuses: what a page says of one is one" {
	local all
	all=$(sed -n 's/^\tSTATUS_[A-Z]* = \([0-9]*\),.*/\1/p' lib/base/err.h)
	for page in "$MAN"/vmmig-*.1; do
		while read -r n; do
			grep -qx "$n" <<<"$all" || { echo "$page: $n"; return 1; }
		done < <(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh [^E]/ s/^\.It \([0-9]*\)$/\1/p' "$page")
	done
}

# --- words ---------------------------------------------------------------------------

# names FILE FUNCTION…: the strings a function returns, or an array of names has.
names() { sed -n "/$2/,/^}/ s/.*\(return\|\] =\) \"\([^\"]*\)\".*/\2/p" "$1"; }

# tags HEADING PAGE: the words that a section explains in its list.
tags() { awk -v h="$1" '/^\.Sh/ { on = substr($0, 5) == h } on && /^\.It Li / { print substr($0, 8) }' "$MAN/$2"; }

# effect_kinds FILE…: the literals at effect_begin() and migration_act(), also where they stand behind a "?"; and what is made.
effect_kinds() {
	sed -n '/kind_names\[\] = {/,/};/ s/.*\] = "\([a-z-]*\)".*/\1/p' lib/migrate/made.c
	cat "$@" | tr -d '\n\t' | grep -oE '(migration_act|effect_begin)\((m|&a->m), ([a-z]+->[a-z.]+(->[a-z]+)?|recovery_host\([^)]*\)), [^,]*"[a-z-]+"' |
		sed 's/[^"]*"//; s/"[^"]*"/\n/g; s/"//g' | sed '/^$/d'
}

# finding_rows: name, safe, option (or NULL), " HOST" (or nothing) of each row of finding_infos[], with tabs between.
finding_rows() {
	sed -n '/^const struct finding_info finding_infos/,/^};/p' lib/recover/diagnosis.c | tr -d '\n\t' | sed 's/\[FOUND_/\n&/g' |
		sed -nE 's/^\[FOUND_[A-Z_]+\] = \{ *"([^"]*)", *(true|false), *(true|false), *"?([A-Za-z-]+)"?, *(true|false), *".*/\1\t\3\t\4\t\5/p' |
		sed 's/\ttrue$/\t HOST/; s/\tfalse$/\t/'
}

@test "words: vmmig-status(1) explains each verdict" {
	same "lib/migrate/verdict.c" "$(names lib/migrate/verdict.c verdict_name)" "vmmig-status.1" \
		"$(sed -n '/^\.Sh VERDICTS/,/^\.El/ s/^\.It Li //p' "$MAN/vmmig-status.1")"
}

@test "words: vmmig-list(1) has each state and reason" {
	local page word
	page=$(rendered vmmig-list.1)
	while read -r word; do
		[ "$word" != absent ] || continue
		[ "$word" != other ] || continue
		grep -qF -- "$word" <<<"$page" || { echo "vmmig-list.1 does not have \"$word\""; return 1; }
	done < <(names lib/host/guest.c guest_state_name; names lib/host/guest.c guest_why_name)
}

@test "words: vmmig-history(1) has each status, and each kind of effect" {
	same "lib/journal/write.c" "$(sed -n '/status_names\[\]/,/^}/p' lib/journal/write.c | grep -oE '\] = "[a-z]+"' | sed 's/.*"\(.*\)"/\1/')" \
		"vmmig-history.1" "$(sed -n '/^The status is one of/,/^\.El/ s/^\.It Li //p' "$MAN/vmmig-history.1")"
	same "lib/migrate/, lib/recover/" "$(effect_kinds lib/migrate/*.c lib/recover/*.c)" \
		"vmmig-history.1" "$(sed -n '/^The kinds of effects are/,/^The options are/ s/^\.It Li //p' "$MAN/vmmig-history.1")"
}

@test "words: vmmig-history(1) has what a record of the mode recover calls its phase" {
	same "lib/recover/" "$(cat lib/recover/*.c | tr -d '\n\t' | grep -oE '(recovery_run\(r|recovering_begin\(r, &a), "[a-z-]+"' | sed 's/.*"\(.*\)"/\1/')" \
		"vmmig-history.1" "$(sed -n '/^Its phase is what was done/,/^Behind the arrow/p' "$MAN/vmmig-history.1" | sed -n 's/^\.Li //p; s/^or$//p' | tr -d ' .' | tr ',' '\n')"
	grep -q '\.mode = xstrdup("recover")' lib/recover/act.c
}

@test "words: vmmig-recover(1) has a row for each verdict, and no other" {
	same "lib/recover/diagnosis.c" "$(finding_rows | cut -f1)" "vmmig-recover.1" "$(tags VERDICTS vmmig-recover.1)"
	# and the parser of this test has missed none
	[ "$(finding_rows | grep -c '')" = "$(sed -n '/^enum finding_kind {/,/^};/p' lib/recover/diagnosis.h | grep -cE '^	FOUND_[A-Z_]+,')" ]
}

@test "words: vmmig-recover(1) says of each verdict what its table says: by itself, and the command" {
	local name safe option row host n=0
	while IFS=$'\t' read -r name safe option host; do
		row=$(section vmmig-recover.1 VERDICTS | awk -v t="     $name" '/^     [^ ]/ { on = $0 == t || index($0, t "  ") == 1 } on' | tr -s ' \n' ' ')
		[[ $row == *'By itself: '* ]] || { echo "$name: nothing is said of what is done by itself"; return 1; }
		if [ "$option" != NULL ]; then
			[[ $row == *"vmmig recover GUEST $option$host"* ]] || { echo "$name: its command is $option$host: $row"; return 1; }
			[[ $row == *'By itself: nothing'* ]] || { echo "$name: it is left to a person: $row"; return 1; }
			n=$((n + 1))
		elif grep -oE 'vmmig recover GUEST --[a-z-]+' <<<"$row"; then
			echo "$name: the table has no command for it"
			return 1
		fi
	done < <(finding_rows)
	[ "$n" -ge 6 ]
}

@test "words: vmmig-recover(1) explains each kind that scan finds, and no other" {
	same "lib/recover/scan.c" "$(sed -n 's/^#define KIND_[A-Z_]* "\(.*\)"$/\1/p' lib/recover/scan.c)" "vmmig-recover.1" "$(tags SCAN vmmig-recover.1)"
	same "the defines" "$(sed -n 's/^#define \(KIND_[A-Z_]*\) .*/\1/p' lib/recover/scan.c)" "scan_kinds[]" \
		"$(sed -n '/scan_kinds\[\] = {/,/};/p' lib/recover/scan.c | grep -oE 'KIND_[A-Z_]+')"
}

@test "words: the phases are those of the program, in their order" {
	diff <(sed -n '/phases_live\[\] = {/,/^}/p' lib/migrate/migrate.c | grep -oE '\{ "[a-z]+", "[a-z]+"' | sed 's/{ "\(.*\)", "\(.*\)"/\1 (\2)/') \
		<(sed -n 's/^\.It Em \([a-z]*\) No \(.*\)/\1 \2/p' "$MAN/vmmig-live.1")
}

# --- JSON ---------------------------------------------------------------------------------

# events of the source
json_events() {
	{
		grep -hoE '(event\(r, |report_json_event\(| values\()"[a-z]+"' lib/report/json.c cmd/*.c
		grep -hoE '"event", (json_string\()?"[a-z]+"' cmd/*.c lib/report/*.c
	} | sed 's/.*"\([a-z]*\)"$/\1/' | sort -u
}

@test "JSON: vmmig-json(5) has each event" {
	same "the source" "$(json_events)" "vmmig-json.5" "$(sed -n '/^\.Sh EVENTS/,/^\.Sh STAB/ s/^\.Ss //p' "$MAN/vmmig-json.5")"
}

@test "JSON: vmmig-json(5) has each field" {
	local page
	page=$(grep '^\.It Li ' "$MAN/vmmig-json.5" | sed 's/^\.It Li //; s/ , /\n/g' | sort -u)
	# "id", "message", "hint" of an error are in its description
	page+=$'\nid\nmessage\nhint'
	same "the source" "$({
		keys | cut -d$'\037' -f2
		grep -hoE '\? "[a-z]+" : k->name' cmd/config.c | sed 's/.*"\(.*\)".*/\1/'
		grep -hoE 'json_object_set_new\( *[a-z]+, "[a-z_0-9]+"' lib/report/json.c cmd/*.c | sed 's/.*"\(.*\)"/\1/'
		# json_pack(): a name before each value
		cat cmd/*.c | tr -d '\n\t' | grep -oE 'json_pack\([^;]*;' | grep -oE '(", |, )"[a-z_0-9]+",' | grep -oE '[a-z_0-9]+' |
			grep -vx -e effect -e note -e config
	} | sort -u)" "vmmig-json.5" "$page"
}

@test "JSON: the examples of vmmig-json(5) are whole, one for each event, with no field that is not explained" {
	local line event fields common
	command -v jq >/dev/null || skip "needs jq"
	common=$'event\ntime\nguest\nmigration'
	# a man page writes \e for a backslash
	sed -n 's/\\e/\\/g; /^{/p' "$MAN/vmmig-json.5" >"$BATS_TEST_TMPDIR/lines"
	same "vmmig-json.5" "$(sed -n '/^\.Sh EVENTS/,/^\.Sh STAB/ s/^\.Ss //p' "$MAN/vmmig-json.5")" "its examples" \
		"$(jq -r .event "$BATS_TEST_TMPDIR/lines")"
	while IFS= read -r line; do
		event=$(jq -r .event <<<"$line")
		fields=$(awk -v e="$event" '/^\.Ss / { on = $2 == e } on && /^\.It Li / { sub(/^\.It Li /, ""); gsub(/ , /, "\n"); print }' "$MAN/vmmig-json.5")
		while read -r field; do
			grep -qx -- "$field" <<<"$common"$'\n'"$fields" || { echo "$event: $field is not explained"; return 1; }
		done < <(jq -r 'keys[]' <<<"$line")
		# and nothing explained is missing in it, but for what is said to be there only sometimes
		while read -r field; do
			[[ $field =~ ^(error|hint)$ || "$event $field" == 'verdict command' ]] || jq -e --arg f "$field" 'has($f)' <<<"$line" >/dev/null ||
				{ echo "$event: its example has no $field"; return 1; }
		done <<<"$fields"
	done <"$BATS_TEST_TMPDIR/lines"
}

@test "JSON: what the program says without a lab is as vmmig-json(5) has it" {
	local line event fields n=0
	command -v jq >/dev/null || skip "needs jq"
	printf 'hosts = ( { name = "alpha"; } );\njournal = { path = "%s/j.db"; };\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/vmmig.conf"
	{
		"$VMMIG" -c "$BATS_TEST_TMPDIR/vmmig.conf" --json config
		"$VMMIG" --json config --default
		"$VMMIG" -c "$BATS_TEST_TMPDIR/vmmig.conf" status --json
		"$VMMIG" -c "$BATS_TEST_TMPDIR/vmmig.conf" list beta --json || true
		"$VMMIG" --json nonsense || true
	} >"$BATS_TEST_TMPDIR/lines"
	while IFS= read -r line; do
		event=$(jq -r .event <<<"$line")
		fields=$(awk -v e="$event" '/^\.Ss / { on = $2 == e } on && /^\.It Li / { sub(/^\.It Li /, ""); gsub(/ , /, "\n"); print }' "$MAN/vmmig-json.5")
		[ -n "$fields" ]
		same "vmmig-json.5, $event" "$fields" "the program" "$(jq -r 'keys[] | select(. != "event" and . != "time")' <<<"$line")"
		n=$((n + 1))
	done <"$BATS_TEST_TMPDIR/lines"
	[ "$n" = 6 ]
}

# --- completion -------------------------------------------------------------------------------

# completed WORD…: what is offered for the last one.
completed() {
	# shellcheck source=conf/vmmig.bash disable=SC2034
	bash -c '
		. conf/vmmig.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_vmmig "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$VMMIG" "$@"
}

@test "completion: it knows every command" {
	same "vmmig help" "$(commands)" "conf/vmmig.bash" "$(completed '')"
	same "vmmig help" "$(commands)" "conf/vmmig.bash, help" "$(completed help '')"
}

@test "completion: it knows every option of every command, and which take a value" {
	local command
	while read -r command; do
		same "vmmig $command --help" "$("$VMMIG" "$command" --help | sed -n 's/^ *\(-[^ -], \)\{0,1\} *\(--[a-z-]*=\{0,1\}\).*/\2/p')" \
			"conf/vmmig.bash" "$(completed "$command" --)"
	done < <(commands)
	same "vmmig help" "$(options_common | sed 's/^/--/')" "conf/vmmig.bash" "$(completed -- | tr -d =)"
}

@test "completion: an option's value is no guest or command" {
	local option
	while read -r option; do
		grep -qE -- "[|)	 ]--${option}[|)]" conf/vmmig.bash || { echo "conf/vmmig.bash does not know that --$option takes a value"; return 1; }
	done < <(while read -r command; do "$VMMIG" "$command" --help | sed -n 's/^ *\(-[^ -], \)\{0,1\} *--\([a-z-]*\)=.*/\2/p'; done < <(commands) | sort -u)
}

@test "completion: hosts come from the configuration, actions and migrations are offered" {
	local conf=$BATS_TEST_TMPDIR/vmmig.conf
	printf 'hosts = ( { name = "alpha"; }, { name = "odd name"; address = "b"; } );\njournal = { path = "%s/j.db"; };\n' "$BATS_TEST_TMPDIR" >"$conf"
	export VMMIG_CONF=$conf
	[ "$(completed live --to '')" = $'alpha\nodd\\ name' ]
	[ "$(completed live --to = al)" = alpha ]
	[ "$(completed list a)" = alpha ]
	unset VMMIG_CONF
	[ "$(completed -c "$conf" list a)" = alpha ]
	[ "$(completed live --on-timeout '')" = $'abort\npostcopy\nsuspend' ]
	[ "$(completed check '')" = $'live\nblock\ncold' ]
	export VMMIG_CONF=$conf
	for option in --keep --kill --fenced --from --to; do
		[ "$(completed recover web1 $option '')" = $'alpha\nodd\\ name' ]
	done
	[ "$(completed recover scan al)" = alpha ]
	[ "$(completed recover scan alpha od)" = 'odd\ name' ]
	[ "$(completed recover s)" = scan ]
	[ "$(completed recover p)" = purge ]
	[ -z "$(completed recover web1 '')" ]
	unset VMMIG_CONF
	[ -z "$(completed live --timeout '')" ]
}

# --- the source tree --------------------------------------------------------------------------------

@test "lib: rooms include only what lib/README.md permits" {
	local line room seen=' ' file include
	line=$(grep -E '^    base < ' lib/README.md)
	[ -n "$line" ]
	same "lib/README.md" "$(tr -s ' <' '\n' <<<"$line" | sed '/^$/d')" "lib/" "$(cd lib && printf '%s\n' */ | tr -d /)"
	# shellcheck disable=SC2016
	same "lib/README.md" "$(sed -n 's/^| `\([a-z]*\)` |.*/\1/p' lib/README.md)" "lib/" "$(cd lib && printf '%s\n' */ | tr -d /)"
	for room in ${line//</}; do
		seen+="$room "
		while IFS=: read -r file include; do
			[[ $seen == *" $include "* ]] || { echo "$file includes $include/"; return 1; }
		done < <(grep -oE '^#include "[^"]*"' "lib/$room"/*.[ch] | sed 's/#include "\([^/"]*\).*/\1/')
		# only its own private headers
		if grep -E '^#include "[a-z]+/([a-z-]*private|checks|parse)\.h"' "lib/$room"/*.[ch] | grep -v "\"$room/"; then return 1; fi
	done
	if grep -nE '^#include "(config|check|host|domain|journal|migrate|recover|report|base)/[a-z-]*private\.h"' cmd/*.[ch]; then return 1; fi
}

@test "lib: it does not end the process, and does not write to standard output" {
	run grep -nE '(^|[^a-z_])(exit|printf|puts|putchar|vprintf) ?\(|\bstdout\b' lib/*/*.c
	output=$(grep -vE '^[^:]*:[0-9]+:[[:space:]]*(\*|/\*|")' <<<"$output" || true)
	[ -z "$output" ] || { echo "$output"; return 1; }
}

@test "source: each file says its licence in the first lines" {
	local file
	for file in lib/*/*.[ch] cmd/*.[ch] test/unit/*.[ch] test/guest/*.[ch] test/fuzz/*.c man/*.[1-9] conf/vmmig.bash Makefile; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later' || { echo "no SPDX line: $file"; return 1; }
	done
	grep -q 'GNU GENERAL PUBLIC LICENSE' LICENSE
	grep -q 'GNU General Public License, version 3 or later' README.md
}

@test "source: no blank at the end of a line, and each file ends with a line" {
	local bad=0 file
	while IFS= read -r -d '' file; do
		if grep -nE '[[:blank:]]+$' "$file"; then echo "^ $file"; bad=1; fi
		[ -z "$(tail -c 1 "$file")" ] || { echo "$file: the last line has no end"; bad=1; }
	done < <(find README.md Makefile lib cmd conf man scripts test -type f ! -path '*/data/*' ! -path '*/build*' -print0)
	[ $bad = 0 ]
}

@test "READMEs: files, scripts and make targets that they name are there" {
	local word text
	for readme in README.md lib/README.md; do
		text=$(awk '/^```/ { on = !on; next } on || /^    [^ ]/ { print; next }
			{ while (match($0, /`[^`]*`/)) { print substr($0, RSTART + 1, RLENGTH - 2); $0 = substr($0, RSTART + RLENGTH) } }' "$readme")
		while read -r word; do
			case $word in
			*x.c | *x.1 | *x.bats | build/* | *'*'*) continue ;;	# of examples, or made
			esac
			[ -e "$word" ] || [ -e "lib/$word" ] || { echo "$readme names $word"; return 1; }
		done < <(grep -oE '\b(scripts|test|man|conf|cmd|lib|base|domain|host|config|check|recover|journal|report|migrate)/[A-Za-z0-9_./*-]*' <<<"$text" | sed 's/[.,]$//' | grep -v '<' | sort -u)
		while read -r word; do
			grep -qE "^$word:" Makefile || { echo "$readme: make $word"; return 1; }
		done < <(grep -oE '\bmake [a-z][a-z-]*' <<<"$text" | cut -d' ' -f2 | sort -u)
	done
	[ -x scripts/demo ] && [ -x scripts/test ]
	grep -q 'sudo scripts/demo' README.md
	grep -q 'sudo scripts/test' README.md
}

@test "READMEs: the layout has every directory" {
	local name
	for name in cmd lib conf man scripts test; do
		grep -q "^| \`$name/\` |" README.md || { echo "README.md: the layout has no $name/"; return 1; }
	done
}

@test "make install: pages, completion and the default configuration go to their places" {
	local plan
	plan=$(make -n install O="$(dirname -- "$VMMIG")" DESTDIR=/tmp/nowhere PREFIX=/usr 2>/dev/null)
	for page in "$MAN"/*.[1-9]; do
		grep -q "man/$(basename "$page")" <<<"$plan" || { echo "$(basename "$page") is not installed"; return 1; }
	done
	grep -q 'conf/vmmig.bash /tmp/nowhere/usr/share/bash-completion/completions/vmmig' <<<"$plan"
	grep -q 'README.md LICENSE conf/vmmig.conf /tmp/nowhere/usr/share/doc/vmmig/' <<<"$plan"
	has "$(rendered vmmig.conf.5)" /usr/share/doc/vmmig/vmmig.conf vmmig.conf.5
}

@test "paths: what the manuals say of files is what the source has" {
	local path
	for path in /etc/vmmig/vmmig.conf /var/lib/vmmig/journal.db; do
		has "$(rendered vmmig.1)" "$path" vmmig.1
	done
	grep -q 'VMMIG_SYSCONFDIR "/vmmig/vmmig.conf"' lib/config/config.c
	grep -q '"/var/lib/vmmig/journal.db"' lib/config/read.c
	# shellcheck disable=SC2016
	grep -q '/run/vmmig-$1.lease' lib/host/guest-process.c
	has "$(rendered vmmig.1)" '/run/vmmig-UUID.lease' vmmig.1
}

@test "environment: vmmig(1) has each variable that the source reads, and no other but those for tests" {
	same "the source" "$(grep -rhoE 'getenv\("[A-Z_]+"' lib cmd | sed 's/.*"\(.*\)"/\1/' | grep -v '^VMMIG_TEST_'; echo SSH_AUTH_SOCK)" "vmmig.1" \
		"$(sed -n '/^\.Sh ENVIRONMENT/,/^\.Sh FILES/ s/^\.It Ev //p' "$MAN/vmmig.1")"
}
