# make install PREFIX=… DESTDIR=…, and back: make uninstall with the same ones.

VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
SONAME   = libmemmap.so.$(firstword $(subst ., ,$(VERSION)))

PREFIX     = /usr/local
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
PKGCONFIG  = $(LIBDIR)/pkgconfig

RELEASE = $(CURDIR)/target/release
TO      = $(DESTDIR)

# A path below PREFIX, as memmap.pc has it.
below = $$(realpath -m --relative-to='$(PREFIX)' '$(1)')

.PHONY: install uninstall

# What is built already is installed as it is, so that root needs no cargo.
$(RELEASE)/libmemmap.a $(RELEASE)/libmemmap.so:
	$(MAKE) build

install: $(RELEASE)/libmemmap.a $(RELEASE)/libmemmap.so
	install -d '$(TO)$(LIBDIR)' '$(TO)$(PKGCONFIG)' '$(TO)$(INCLUDEDIR)'
	install -m 755 $(RELEASE)/libmemmap.so '$(TO)$(LIBDIR)/libmemmap.so.$(VERSION)'
	ln -sf libmemmap.so.$(VERSION) '$(TO)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(TO)$(LIBDIR)/libmemmap.so'
	install -m 644 $(RELEASE)/libmemmap.a '$(TO)$(LIBDIR)/libmemmap.a'
	install -m 644 include/memmap.h '$(TO)$(INCLUDEDIR)/memmap.h'
	sed -e "s|@UP@|$$(realpath -m --relative-to='$(PKGCONFIG)' '$(PREFIX)')|" -e 's|@VERSION@|$(VERSION)|' \
		-e "s|@LIBDIR@|\$${prefix}/$(call below,$(LIBDIR))|" -e "s|@INCLUDEDIR@|\$${prefix}/$(call below,$(INCLUDEDIR))|" \
		packaging/memmap.pc.in > '$(TO)$(PKGCONFIG)/memmap.pc'
	chmod 644 '$(TO)$(PKGCONFIG)/memmap.pc'

# The folders stay: others may use them.
uninstall:
	rm -f '$(TO)$(LIBDIR)/libmemmap.so.$(VERSION)' '$(TO)$(LIBDIR)/$(SONAME)' '$(TO)$(LIBDIR)/libmemmap.so' \
		'$(TO)$(LIBDIR)/libmemmap.a' '$(TO)$(INCLUDEDIR)/memmap.h' '$(TO)$(PKGCONFIG)/memmap.pc'
