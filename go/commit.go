package memmap

import "errors"

// Commit makes everything that was changed since the last commit durable: the bytes, however they were stored, and the
// length. When it returns nil, all of it is on the device. After a crash at any moment the next [Open] with [Atomic] finds
// the last commit that returned nil, or the one that was under way, whole.
//
// A Commit that fails changes nothing: memory keeps the changes, [Map.Rollback] takes them back, and Commit may be called
// again. After a failure of the device it returns the same error until [Map.Recover].
//
// A store of another goroutine during the call is in this commit or in the next one.
//
// Commit returns [ErrUnsupported] for a Map without [Atomic], and in a child of fork.
func (m *Map) Commit() error { return m.asOne("commit", commit) }

// Checkpoint makes the file durable without its log, so that programs that do not know of the log may read it. It commits
// nothing.
func (m *Map) Checkpoint() error { return m.asOne("checkpoint", checkpoint) }

// Rollback takes back everything that was changed since the last commit, and gives the Map the length of the file. Slices
// stay where they are and have the old bytes; bytes that the Map had grown by are zero. It waits for the operations under
// way, and not for views.
//
// Rollback returns the errors of [Map.Commit].
func (m *Map) Rollback() error {
	if m.unopened() {
		return m.fail("rollback", ErrInvalid)
	}
	m.sizing.Lock()
	defer m.sizing.Unlock()
	if err := m.closeGate(0); err != nil {
		return m.fail("rollback", err)
	}
	defer m.openGate()
	if err := m.outcome("rollback", rollback(m.handle)); err != nil {
		return err
	}
	info, status := getInfo(m.handle)
	if status == 0 {
		m.length.Store(info.Length)
	}
	return m.outcome("rollback", status)
}

// Update calls f with the bytes of the Map, as [Map.View] does, and commits what f has changed. If f returns an error or
// panics, Update rolls back. It returns the error of f, of View, of the rollback or of the commit.
//
// Changes that were made before Update and not committed are part of it. Updates of several goroutines must not overlap.
func (m *Map) Update(f func(data []byte) error) error {
	changed := false
	defer func() {
		if !changed {
			m.Rollback() // f panics, and that is what the caller learns.
		}
	}()
	err := m.View(f)
	changed = true
	if err != nil {
		return errors.Join(err, m.Rollback())
	}
	return m.Commit()
}

func (m *Map) asOne(op string, call func(handle uint64) int32) error {
	if !m.enter(operation) {
		return m.fail(op, ErrClosed)
	}
	defer m.leave(operation)
	return m.outcome(op, call(m.handle))
}
