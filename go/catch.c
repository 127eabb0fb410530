//go:build cgo

// The hook of the guard's signal handler: what becomes of a fault that interrupts Go code. See catch.go.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE // For the names of registers.
#endif
#include "catch.h"

#include <string.h>
#include <ucontext.h>

// What the hook knows of Go, by each copy of the package; written before the copy counts. They differ in their functions.
static memmap_go_knowledge known[MEMMAP_GO_COPIES];
static uint32_t copies;

// How many faults the hook has passed on, the addresses of the last of them, and for how many a stand-in was put there. Go
// reads them.
static uint32_t passed_on, stood_in;
static uintptr_t last_passed_on[MEMMAP_GO_LAST];

// Where a thread was interrupted.
typedef struct {
	uintptr_t pc, sp, back; // back is where a function without a frame returns to.
	uintptr_t g;            // A register that has the goroutine in Go code, 0 where there is none.
	bool known, stores;     // Whether the rest is known, and whether the access was a store.
} place;

#if defined(__x86_64__)
static place interrupted(const ucontext_t *context)
{
	const greg_t *registers = context->uc_mcontext.gregs;
	return (place){
		.pc = registers[REG_RIP],
		.sp = registers[REG_RSP],
		.stores = registers[REG_ERR] & 2, // Of a page fault: the access was a write.
		.known = true,
	};
}

// The caller has seen to it that the stack pointer is in a goroutine's stack.
static uintptr_t return_address(const place *at) { return *(const uintptr_t *)at->sp; }

// Leaves a function without a frame as its RET would, in the state that Go code expects of it.
static void leave(ucontext_t *context)
{
	greg_t *registers = context->uc_mcontext.gregs;
	registers[REG_RIP] = *(const uintptr_t *)registers[REG_RSP];
	registers[REG_RSP] += sizeof(uintptr_t);
	if (context->uc_mcontext.fpregs != NULL)
		memset(&context->uc_mcontext.fpregs->_xmm[15], 0, sizeof context->uc_mcontext.fpregs->_xmm[15]);
}

// A copy that goes backwards has the direction flag set, which no other code expects.
static void tidy(ucontext_t *context) { context->uc_mcontext.gregs[REG_EFL] &= ~0x400; }

#elif defined(__aarch64__)
static place interrupted(const ucontext_t *context)
{
	const mcontext_t *machine = &context->uc_mcontext;
	place at = {.pc = machine->pc, .sp = machine->sp, .back = machine->regs[30], .g = machine->regs[28]};
	// Records of the kernel, each with its kind and its size, up to one of size 0 (asm/sigcontext.h).
	const uint8_t *record = (const uint8_t *)machine->__reserved, *end = record + sizeof machine->__reserved;
	while (record + 16 <= end) {
		uint32_t kind, size;
		memcpy(&kind, record, sizeof kind);
		memcpy(&size, record + 4, sizeof size);
		if (size == 0)
			break;
		if (kind == 0x45535201) { // ESR_MAGIC.
			uint64_t syndrome;
			memcpy(&syndrome, record + 8, sizeof syndrome);
			at.stores = syndrome & 0x40; // WnR of a data abort.
			at.known = true;
		}
		record += size;
	}
	return at;
}

static uintptr_t return_address(const place *at) { return at->back; }
static void leave(ucontext_t *context) { context->uc_mcontext.pc = context->uc_mcontext.regs[30]; }
static void tidy(ucontext_t *context) { (void)context; }

#else
static place interrupted(const ucontext_t *context)
{
	(void)context;
	return (place){0};
}

static uintptr_t return_address(const place *at) { return at->back; }
static void leave(ucontext_t *context) { (void)context; }
static void tidy(ucontext_t *context) { (void)context; }
#endif

static bool is_in(uintptr_t address, memmap_go_text text) { return text.start <= address && address < text.end; }

// Whether an address is in a function that reads or writes, of any copy.
static bool is_in_one(uintptr_t address, bool writers)
{
	const uint32_t count = __atomic_load_n(&copies, __ATOMIC_ACQUIRE);
	for (uint32_t copy = 0; copy < count; copy++)
		for (int i = 0; i < MEMMAP_GO_TEXTS; i++)
			if (is_in(address, writers ? known[copy].writers[i] : known[copy].readers[i]))
				return true;
	return false;
}

// The goroutine that was interrupted on its own stack, NULL when it was none: C code, and the runtime's own, run on
// others.
static const uint8_t *goroutine(const place *at)
{
	uintptr_t g = 0;
	if (known->locate != 0)
		g = ((uintptr_t (*)(void))known->locate)();
	else if (is_in(at->pc, known->code))
		g = at->g;
	if (g == 0)
		return NULL;
	const uintptr_t *stack = (const uintptr_t *)g; // It begins with the bounds of its stack, as C code of the runtime has it.
	return stack[0] <= at->sp && at->sp < stack[1] ? (const uint8_t *)g : NULL;
}

// A memmap_fault_hook: see catch.go.
static int decide(const void *address, void *context)
{
	const place at = interrupted(context);
	const uint8_t *g = goroutine(&at);
	if (g != NULL && is_in(at.pc, known->copy)) {
		const uintptr_t back = return_address(&at);
		const bool reads = is_in_one(back, false), writes = is_in_one(back, true);
		if (at.known && (at.stores ? writes : reads)) {
			tidy(context);
			leave(context);
			return MEMMAP_FAULT_RESUME;
		}
		if (reads) { // Into memory that is lost. A panic would find no deferred call there.
			__atomic_fetch_add(&stood_in, 1, __ATOMIC_SEQ_CST);
			return MEMMAP_FAULT_STAND_IN;
		}
	}
	if (g != NULL && known->panics != 0 && g[known->panics] == 1) {
		tidy(context);
		uint32_t number = __atomic_fetch_add(&passed_on, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&last_passed_on[number % MEMMAP_GO_LAST], (uintptr_t)address, __ATOMIC_SEQ_CST);
		return MEMMAP_FAULT_PASS_ON;
	}
	__atomic_fetch_add(&stood_in, 1, __ATOMIC_SEQ_CST);
	return MEMMAP_FAULT_STAND_IN;
}

memmap_status memmap_go_catch(void)
{
	memmap_status status = memmap_guard_install();
	return status != 0 ? status : memmap_guard_hook(decide);
}

bool memmap_go_know(const memmap_go_knowledge *knowledge)
{
	static uint32_t started;
	const uint32_t copy = __atomic_fetch_add(&started, 1, __ATOMIC_RELAXED);
	if (copy >= MEMMAP_GO_COPIES)
		return false;
	known[copy] = *knowledge;
	while (__atomic_load_n(&copies, __ATOMIC_RELAXED) != copy)
		; // Another thread is about to count.
	__atomic_store_n(&copies, copy + 1, __ATOMIC_RELEASE);
	return true;
}

const uint32_t *memmap_go_passed_on(void) { return &passed_on; }

const uintptr_t *memmap_go_last_passed_on(void) { return last_passed_on; }

const uint32_t *memmap_go_stood_in(void) { return &stood_in; }

void memmap_go_snapshot(uintptr_t g, uint8_t *bytes, size_t n) { memcpy(bytes, (const void *)g, n); }
