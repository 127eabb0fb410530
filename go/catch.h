// What catch.c needs to know of Go, and what Go asks of it. See catch.go.

#ifndef MEMMAP_GO_CATCH_H
#define MEMMAP_GO_CATCH_H

#include <memmap.h>
#include <stddef.h>
#include <stdint.h>

// The code of a function: its first address and the one behind its last. Zeros are no code.
typedef struct {
	uintptr_t start, end;
} memmap_go_text;

enum { MEMMAP_GO_TEXTS = 6 };

// See knowledge in catch.go.
typedef struct {
	uintptr_t locate;
	memmap_go_text code;
	uintptr_t panics;
	memmap_go_text copy, readers[MEMMAP_GO_TEXTS], writers[MEMMAP_GO_TEXTS];
} memmap_go_knowledge;

// Stores what the hook has to know. To be called once, before memmap_go_catch.
void memmap_go_know(const memmap_go_knowledge *knowledge);

// Installs the guard with the hook, or puts it back in front of other handlers.
memmap_status memmap_go_catch(void);

enum { MEMMAP_GO_LAST = 256 };

// The numbers of faults that became a panic, and of those that became a stand-in page. The address of the n-th panic is the
// n-th of MEMMAP_GO_LAST, which are used again and again.
const uint32_t *memmap_go_passed_on(void);
const uintptr_t *memmap_go_last_passed_on(void);
const uint32_t *memmap_go_stood_in(void);

// Copies the first n bytes of what is at g.
void memmap_go_snapshot(uintptr_t g, uint8_t *bytes, size_t n);

#endif
