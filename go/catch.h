// What catch.c needs to know of Go, and what Go asks of it. See catch.go.

#ifndef MEMMAP_GO_CATCH_H
#define MEMMAP_GO_CATCH_H

#include <memmap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The code of a function: its first address and the one behind its last. Zeros are no code.
typedef struct {
	uintptr_t start, end;
} memmap_go_text;

// How many functions a copy of this package has that read or write, and how many copies there may be in a program: the
// drop-ins bring their own.
enum { MEMMAP_GO_TEXTS = 6, MEMMAP_GO_COPIES = 8 };

// See knowledge in catch.go.
typedef struct {
	uintptr_t locate;
	memmap_go_text code;
	uintptr_t panics;
	memmap_go_text copy, readers[MEMMAP_GO_TEXTS], writers[MEMMAP_GO_TEXTS];
} memmap_go_knowledge;

// In a program with several copies of this package there is one hook, which knows of all: the linker takes these functions
// from one of them. Nobody outside of the program sees them.
#define MEMMAP_GO_ONE __attribute__((weak, visibility("hidden")))

// Stores what the hook has to know, unless there are too many copies. To be called once by each, before memmap_go_catch.
MEMMAP_GO_ONE bool memmap_go_know(const memmap_go_knowledge *knowledge);

// Installs the guard with the hook, or puts it back in front of other handlers.
MEMMAP_GO_ONE memmap_status memmap_go_catch(void);

enum { MEMMAP_GO_LAST = 256 };

// The numbers of faults that became a panic, and of those that became a stand-in page. The address of the n-th panic is the
// n-th of MEMMAP_GO_LAST, which are used again and again.
MEMMAP_GO_ONE const uint32_t *memmap_go_passed_on(void);
MEMMAP_GO_ONE const uintptr_t *memmap_go_last_passed_on(void);
MEMMAP_GO_ONE const uint32_t *memmap_go_stood_in(void);

// Copies the first n bytes of what is at g.
MEMMAP_GO_ONE void memmap_go_snapshot(uintptr_t g, uint8_t *bytes, size_t n);

#endif
