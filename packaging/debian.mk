# make deb: Debian's packages libmemmap0, libmemmap-dev and libmemmap-tools.

DEB = target/deb

PACKAGES = $(DEB)/*.deb

.PHONY: deb lintian

deb: $(RELEASE)/libmemmap.a $(RELEASE)/libmemmap.so ## Package: Debian's packages, in target/deb
	tools/deb $(VERSION) $(DEB)

# The suppressed tag is about a bug of Debian's tracker that a first upload closes. There is none.
lintian: ## Package: check the packages with lintian
	@command -v lintian >/dev/null || { echo "lintian is missing: install it (Debian: apt install lintian), then run make again" >&2; exit 1; }
	lintian --allow-root --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs $(PACKAGES)
