# make abi: records the ABI as it is now. What breaks a promise of abi/README.md takes BREAK=yes.

.PHONY: abi

abi: build
	tools/abi > target/memmap.abi
	test ! -e abi/memmap.abi || tools/abi-check abi/memmap.abi target/memmap.abi || test '$(BREAK)' = yes
	cp target/memmap.abi abi/memmap.abi
