# make deb: Debian's packages libmemmap0 and libmemmap-dev.

DEB = target/deb

PACKAGES = $(DEB)/*.deb

.PHONY: deb lintian

deb: $(RELEASE)/libmemmap.a $(RELEASE)/libmemmap.so
	tools/deb $(VERSION) $(DEB)

# It asks for the number of a wish in Debian's bug tracker; there is none.
lintian:
	@command -v lintian >/dev/null || { echo "lintian is missing: install it (Debian: apt install lintian), then run make again" >&2; exit 1; }
	lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs $(PACKAGES)
