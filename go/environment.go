package memmap

// #include <sys/auxv.h>
import "C"

import "os"

// privileged reports whether the kernel gave this program other rights than the user who started it:
// set-user-ID, set-group-ID or file capabilities.
var privileged = C.getauxval(C.AT_SECURE) != 0

// variable returns an environment variable by the rules of secure_getenv(3): in a privileged program it is
// empty.
func variable(name string) string {
	if privileged {
		return ""
	}
	return os.Getenv(name)
}
