# bash completion for vmmig(1)                                -*- shell-script -*-
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Commands and options come from the program's own help, so that they are never behind it; hosts come from the
# configuration. Guests come from the hosts: these are asked at most once a minute in each shell, for at most two
# seconds. Migrations come from the journal.

# The words of a help text's first column: commands, or options with two dashes.
_vmmig_commands() { "$1" help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'; }

_vmmig_options() {
	local program=$1
	shift
	"$program" ${1:+"$1"} --help 2>/dev/null |
		sed -n 's/^ *\(-[^ -], \)\{0,1\} *\(--[a-z][a-z-]*\)\(=\{0,1\}\).*/\2\3/p' | sort -u
}

# _vmmig_strings FIELD EVENT: the strings of that field in those objects of vmmig --json. No name of a guest or host that
# holds a quote or a backslash is offered.
_vmmig_strings() {
	sed -n "/^{\"event\":\"$2\"/ s/.*\"$1\":\"\([^\"\\\\]*\)\".*/\1/p" | sort -u
}

# The configuration that the line names, if it does.
_vmmig_config() {
	local i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c) printf '%s\n' -c "${COMP_WORDS[i + 1]}"; return ;;
		--config)
			((i += 1))
			[ "${COMP_WORDS[i]}" != = ] || ((i += 1))
			printf '%s\n' -c "${COMP_WORDS[i]}"
			return ;;
		esac
	done
}

_vmmig_hosts() { "$@" --json config 2>/dev/null | _vmmig_strings name host; }

# Sets _vmmig_guests_list: kept in the shell, so not from a subshell.
_vmmig_ask_guests() {
	local key="$*"
	[ "$key" = "${_vmmig_guests_key-}" ] && ((SECONDS - _vmmig_guests_at < 60)) && return
	_vmmig_guests_list=$(timeout 2 "$@" --json list 2>/dev/null </dev/null | _vmmig_strings guest guest)
	_vmmig_guests_key=$key _vmmig_guests_at=$SECONDS
}

# Each line that begins with what was typed, quoted for the shell.
_vmmig_offer() {
	local cur=$1 line
	while IFS= read -r line; do
		[[ -n $line && $line == "$cur"* ]] && COMPREPLY+=("$(printf %q "$line")")
	done
}

# What stands behind an option that takes a value. Fails where the option takes none.
_vmmig_value() {
	local option=$1 cur=$2
	shift 2
	case $option in
	--to|--from|--keep|--kill|--fenced) _vmmig_offer "$cur" < <(_vmmig_hosts "$@") ;;
	--config|-c)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null ;;
	--on-timeout) _vmmig_offer "$cur" <<<$'abort\npostcopy\nsuspend' ;;
	--policy) _vmmig_offer "$cur" <<<$'careful\nbalanced\nmust-finish' ;;
	--format) _vmmig_offer "$cur" <<<$'text\nsvg\nhtml' ;;
	--output)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null ;;
	--transport) _vmmig_offer "$cur" <<<$'tcp\ntls\nssh' ;;
	--source-disks) _vmmig_offer "$cur" <<<$'quarantine\nkeep\ndelete' ;;
	--skip-check|--max-downtime|--bandwidth|--timeout|--parallel|--limit|--disk|--storage|--older-than|--at-once) ;;
	*) return 1 ;;
	esac
	return 0
}

_vmmig() {
	local program=$1 cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' first='' words=0 i
	local -a call
	COMPREPLY=()

	# "=" is a word of its own, as a rule
	if [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
		[[ $prev == -* ]] || return	# the path of --disk vda=PATH, the second one of --storage DIR=DIR
	elif [ "$cur" = = ]; then
		cur=
		[[ $prev == -* ]] || return
	fi
	mapfile -t call < <(_vmmig_config)
	call=("$program" "${call[@]}")
	_vmmig_value "$prev" "$cur" "${call[@]}" && return

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--to|--from|--keep|--kill|--fenced|--config|-c|--on-timeout|--policy|--transport|--parallel|--format|--output|--skip-check|--max-downtime|--bandwidth|--timeout|--limit|--disk|--storage|--source-disks|--older-than|--at-once)
			((i += 1))
			[ "${COMP_WORDS[i]}" != = ] || ((i += 1)) ;;
		-*) ;;
		=) ((i += 1)) ;;	# of --disk vda=PATH
		*) if [ -z "$command" ]; then command=${COMP_WORDS[i]}; else first=${first:-${COMP_WORDS[i]}}; ((words += 1)); fi ;;
		esac
	done

	if [[ $cur == -* ]]; then
		_vmmig_offer "$cur" < <(_vmmig_options "$program" "${command:-help}")
		# one that takes a value goes on behind its "="
		[ "${#COMPREPLY[@]}" != 1 ] || [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
		return
	fi
	case $command in
	'') _vmmig_offer "$cur" < <(_vmmig_commands "$program") ;;
	live|block|cold|check)
		if [ "$command" = check ] && [ "$words" = 0 ]; then
			_vmmig_offer "$cur" <<<$'live\nblock\ncold'
		else
			_vmmig_ask_guests "${call[@]}"
			_vmmig_offer "$cur" <<<"$_vmmig_guests_list"
		fi ;;
	list) _vmmig_offer "$cur" < <(_vmmig_hosts "${call[@]}") ;;
	status|history|cancel|tune|report)
		[ "$words" = 0 ] || return
		i=$("${call[@]}" --json history --limit 50 2>/dev/null)
		_vmmig_offer "$cur" < <(_vmmig_strings guest migration <<<"$i"; _vmmig_strings migration migration <<<"$i") ;;
	recover)
		case $words,$first in
		0,*)
			_vmmig_ask_guests "${call[@]}"
			i=$("${call[@]}" --json history --limit 50 2>/dev/null)
			_vmmig_offer "$cur" < <({
				printf '%s\n' scan purge "$_vmmig_guests_list"
				_vmmig_strings guest migration <<<"$i"
				_vmmig_strings migration migration <<<"$i"
			} | sort -u) ;;
		*,scan) _vmmig_offer "$cur" < <(_vmmig_hosts "${call[@]}") ;;
		1,purge) _vmmig_offer "$cur" < <("${call[@]}" --json recover purge 2>/dev/null | _vmmig_strings guest quarantined) ;;
		esac ;;
	help) [ "$words" != 0 ] || _vmmig_offer "$cur" < <(_vmmig_commands "$program") ;;
	esac
}

complete -F _vmmig vmmig
