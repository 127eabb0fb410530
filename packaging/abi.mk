# make abi records the ABI as it is. A change that breaks a promise of abi/README.md needs BREAK=yes.

.PHONY: abi

abi: build ## Generate: abi/memmap.abi; fails where a program would break, unless BREAK=yes
	tools/abi > target/memmap.abi
	test ! -e abi/memmap.abi || tools/abi-check abi/memmap.abi target/memmap.abi || test '$(BREAK)' = yes
	cp target/memmap.abi abi/memmap.abi
