# make install PREFIX=… DESTDIR=…; make uninstall with the same values removes the files.

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
SONAME   = libmemmap.so.$(firstword $(subst ., ,$(VERSION)))

PREFIX     = /usr/local
BINDIR     = $(PREFIX)/bin
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
PKGCONFIG  = $(LIBDIR)/pkgconfig
MANDIR     = $(PREFIX)/share/man
DOCDIR     = $(PREFIX)/share/doc/memmap

TO      = $(DESTDIR)

# The functions, each of which has a link to the manual page: the line below "NAME" lists them.
FUNCTIONS = $(subst $(comma),,$(filter memmap_%,$(shell sed -n '/^.SH NAME/{n;p;q}' man/memmap.3)))
comma    := ,

# These must accompany the libraries.
NOTICES   = LICENSE-APACHE LICENSE-MIT packaging/NOTICES

# Their manual pages, in section 1, have the same names.
PROGRAMS  = mapview memmap-guide

# A path relative to PREFIX, for memmap.pc.
below = $$(realpath -m --relative-to='$(PREFIX)' '$(1)')

.PHONY: install install-programs uninstall

# Only what is missing is built, so that root needs no cargo after make build.
$(RELEASE)/libmemmap.a $(RELEASE)/libmemmap.so:
	$(MAKE) build

$(RELEASE)/programs/mapview: $(RELEASE)/libmemmap.a $(wildcard go/*.go go/*.[ch] go/cmd/*/* go/internal/*/*.[gs]*)
	tools/programs $(GO) $(RELEASE)/programs

install: $(RELEASE)/libmemmap.a $(RELEASE)/libmemmap.so ## Install: install the library to PREFIX=/usr/local, below DESTDIR=
	install -d '$(TO)$(LIBDIR)' '$(TO)$(PKGCONFIG)' '$(TO)$(INCLUDEDIR)' '$(TO)$(MANDIR)/man3' '$(TO)$(DOCDIR)'
	install -m 755 $(RELEASE)/libmemmap.so '$(TO)$(LIBDIR)/libmemmap.so.$(VERSION)'
	ln -sf libmemmap.so.$(VERSION) '$(TO)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(TO)$(LIBDIR)/libmemmap.so'
	install -m 644 $(RELEASE)/libmemmap.a '$(TO)$(LIBDIR)/libmemmap.a'
	install -m 644 include/memmap.h '$(TO)$(INCLUDEDIR)/memmap.h'
	sed -e "s|@UP@|$$(realpath -m --relative-to='$(PKGCONFIG)' '$(PREFIX)')|" -e 's|@VERSION@|$(VERSION)|' \
		-e "s|@LIBDIR@|\$${prefix}/$(call below,$(LIBDIR))|" -e "s|@INCLUDEDIR@|\$${prefix}/$(call below,$(INCLUDEDIR))|" \
		packaging/memmap.pc.in > '$(TO)$(PKGCONFIG)/memmap.pc'
	chmod 644 '$(TO)$(PKGCONFIG)/memmap.pc'
	install -m 644 $(NOTICES) '$(TO)$(DOCDIR)'
	install -m 644 man/memmap.3 '$(TO)$(MANDIR)/man3/memmap.3'
	for name in $(FUNCTIONS); do ln -sf memmap.3 '$(TO)$(MANDIR)/man3'/$$name.3 || exit; done

# They contain the static library, and need no other file that is installed but its notices and those of Go.
install-programs: $(RELEASE)/programs/mapview ## Install: install mapview, memmap-guide and their manual pages
	install -d '$(TO)$(BINDIR)' '$(TO)$(MANDIR)/man1' '$(TO)$(DOCDIR)'
	install -m 755 $(PROGRAMS:%=$(RELEASE)/programs/%) '$(TO)$(BINDIR)'
	install -m 644 $(PROGRAMS:%=man/%.1) '$(TO)$(MANDIR)/man1'
	install -m 644 $(NOTICES) '$(TO)$(DOCDIR)'
	install -m 644 packaging/notices/go '$(TO)$(DOCDIR)/NOTICES-go'

# /usr and /usr/local keep their folders, which are the system's. Below another prefix, folders that are empty then are removed.
OWN_FOLDERS = $(filter-out /usr /usr/local,$(PREFIX))

uninstall: ## Install: remove what both have installed, with the same variables
	rm -f '$(TO)$(LIBDIR)/libmemmap.so.$(VERSION)' '$(TO)$(LIBDIR)/$(SONAME)' '$(TO)$(LIBDIR)/libmemmap.so' \
		'$(TO)$(LIBDIR)/libmemmap.a' '$(TO)$(INCLUDEDIR)/memmap.h' '$(TO)$(PKGCONFIG)/memmap.pc' \
		$(patsubst %,'$(TO)$(DOCDIR)/%',$(notdir $(NOTICES)) NOTICES-go) $(patsubst %,'$(TO)$(MANDIR)/man3/%.3',memmap $(FUNCTIONS)) \
		$(PROGRAMS:%='$(TO)$(BINDIR)/%') $(PROGRAMS:%='$(TO)$(MANDIR)/man1/%.1')
	! test -d '$(TO)$(DOCDIR)' || rmdir --ignore-fail-on-non-empty '$(TO)$(DOCDIR)'
	test -z '$(OWN_FOLDERS)' || ! test -d '$(TO)$(PREFIX)' || { cd '$(TO)$(PREFIX)' && \
		for folder in '$(BINDIR)' '$(DOCDIR)' '$(MANDIR)/man1' '$(MANDIR)/man3' '$(PKGCONFIG)' '$(LIBDIR)' '$(INCLUDEDIR)'; do \
			below=$$(realpath -m --relative-to='$(PREFIX)' "$$folder"); \
			while test "$${below#..}" = "$$below" && test "$$below" != . && \
				{ ! test -e "$$below" || rmdir "$$below" 2>/dev/null; }; do below=$$(dirname "$$below"); done; \
		done; }

.PHONY: man

man: ## Generate: the manual pages, from the header and from the help of the programs
	tools/manpage > man/memmap.3
	tools/program-manpage mapview go/cmd/mapview > man/mapview.1
	tools/program-manpage memmap-guide go/cmd/guide > man/memmap-guide.1
