package memmap

// #include <sys/auxv.h>
import "C"

import "os"

// privileged says whether the kernel gave this program other rights than who started it has: set-user-ID, set-group-ID or
// file capabilities.
var privileged = C.getauxval(C.AT_SECURE) != 0

// variable is one of the environment by the rules of secure_getenv(3): whoever starts a program that has more rights than
// they have says nothing there.
func variable(name string) string {
	if privileged {
		return ""
	}
	return os.Getenv(name)
}
