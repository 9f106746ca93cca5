# SPDX-License-Identifier: GPL-3.0-or-later
#
# make [DEVELOPER=1] [SANITIZE=address,undefined] [V=1]
# make install DESTDIR= PREFIX=/usr
# make check          unit tests, documents, style: no root needed
# make check-lab      everything in test/*.bats, on the lab (root)
# make chaos, matrix  faults at random, or all of them; for hours (root)

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/vmmig
SYSCONFDIR ?= /etc
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
DESTDIR ?=

VERSION := 0.1.0
PKG_CONFIG ?= pkg-config
INSTALL ?= install
O ?= build

PKGS := libvirt libvirt-qemu libssh libconfig libxml-2.0 jansson sqlite3
CFLAGS ?= -O2 -g

# The project's own flags stay apart from the user's, which come last.
PROJECT_CFLAGS := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVMMIG_VERSION='"$(VERSION)"' \
	-DVMMIG_SYSCONFDIR='"$(SYSCONFDIR)"' -Ilib -pthread -fstack-protector-strong \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
PROJECT_LDFLAGS := -pthread
ifdef DEVELOPER
PROJECT_CFLAGS += -Werror -Wformat=2 -Wwrite-strings -Wundef -Wcast-qual -Wswitch-enum -Wimplicit-fallthrough=5 \
	-Wnull-dereference -Wduplicated-cond -Wlogical-op -fanalyzer-verbosity=0
endif
ifdef SANITIZE
PROJECT_CFLAGS += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
PROJECT_LDFLAGS += -fsanitize=$(SANITIZE)
endif
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -lm
ALL_CFLAGS = $(PROJECT_CFLAGS) $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(PROJECT_LDFLAGS) $(LDFLAGS)

LIB_SRC := $(wildcard lib/*/*.c)
CMD_SRC := $(wildcard cmd/*.c)
FUZZ_SRC := $(wildcard test/fuzz/fuzz-*.c)
UNIT_SRC := $(wildcard test/unit/test-*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(O)/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$(O)/%.o)
UNIT_BIN := $(UNIT_SRC:test/unit/%.c=$(O)/unit/%)
HEADERS := $(wildcard lib/*/*.h cmd/*.h)
TEST_STYLE := $(wildcard test/unit/*.[ch] test/fuzz/*.c test/guest/*.[ch])
MANPAGES := $(wildcard man/*.[1-8])

ifeq ($(V),)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)';
endif

all: $(O)/vmmig

# Flags are a prerequisite: another SANITIZE or CFLAGS builds anew instead of mixing.
$(O)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS))' >$@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/libvmmig.a: $(LIB_OBJ)
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^

$(O)/vmmig: $(CMD_OBJ) $(O)/libvmmig.a
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/unit/%: $(O)/test/unit/%.o $(O)/libvmmig.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS) -lcmocka

unit: $(UNIT_BIN)

# libFuzzer programs; needs clang. See test/fuzz/README.md.
fuzz:
	$(Q)$(MAKE) O=build-fuzz CC=clang SANITIZE=address,undefined,fuzzer-no-link fuzz-programs

fuzz-programs: $(FUZZ_SRC:test/fuzz/%.c=$(O)/fuzz/%)

$(O)/fuzz/%: $(O)/test/fuzz/%.o $(O)/libvmmig.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# Every header compiles alone.
check-headers:
	$(Q)for h in $(HEADERS); do \
		printf '#include "%s"\n' "$${h#lib/}" | $(CC) $(ALL_CFLAGS) -Icmd -I. -Wno-unused -fsyntax-only -x c - || exit 1; done

check: all unit
	$(Q)scripts/test --user

check-lab: all unit
	$(Q)scripts/test

# N=200 SEED=17: so many migrations with a random fault in each. Every cell of the fault matrix.
N ?= 200
chaos: all unit
	$(Q)CHAOS_N=$(N) CHAOS_SEED=$(SEED) CHAOS_TELL=1 BATS_TEST_TIMEOUT=1000000 scripts/test test/chaos.bats

matrix: all unit
	$(Q)MATRIX=all BATS_TEST_TIMEOUT=1000000 scripts/test test/matrix.bats

bench: all
	$(Q)scripts/bench/run

fmt:
	$(Q)clang-format -i $(LIB_SRC) $(CMD_SRC) $(HEADERS) $(TEST_STYLE)

lint: check-headers
	$(Q)clang-format --dry-run -Werror $(LIB_SRC) $(CMD_SRC) $(HEADERS) $(TEST_STYLE)
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
		--suppress=normalCheckLevelMaxBranches --suppress=missingIncludeSystem -Ilib cmd lib

install: all
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)$(BASHCOMPDIR)
	$(INSTALL) -m 0755 $(O)/vmmig $(DESTDIR)$(BINDIR)/vmmig
	for m in $(MANPAGES); do \
		d=$(DESTDIR)$(MANDIR)/man$${m##*.}; $(INSTALL) -d "$$d" && $(INSTALL) -m 0644 "$$m" "$$d/" || exit 1; done
	$(INSTALL) -m 0644 README.md LICENSE conf/vmmig.conf $(DESTDIR)$(DOCDIR)/
	$(INSTALL) -m 0644 conf/vmmig.bash $(DESTDIR)$(BASHCOMPDIR)/vmmig

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/vmmig $(DESTDIR)$(BASHCOMPDIR)/vmmig
	for m in $(notdir $(MANPAGES)); do rm -f "$(DESTDIR)$(MANDIR)/man$${m##*.}/$$m"; done
	rm -f $(addprefix $(DESTDIR)$(DOCDIR)/,README.md LICENSE vmmig.conf)
	-rmdir $(DESTDIR)$(DOCDIR)

clean:
	rm -rf $(O)

FORCE:
.PHONY: all unit fuzz fuzz-programs check check-headers check-lab chaos matrix bench fmt lint install uninstall clean FORCE
.SECONDARY:

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(UNIT_SRC:%.c=$(O)/%.d)
