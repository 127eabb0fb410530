#!/usr/bin/perl

# tour FILE: creates and maps a file, writes, flushes and searches it, reads it while it is truncated, and
# uses a closed handle.
#
#     make build ffi-deps
#     rm -f target/greeting.txt
#     LD_LIBRARY_PATH=target/release perl examples/ffi/tour.pl target/greeting.txt

use v5.36;

package Memmap::Options {
    use FFI::Platypus::Record;
    record_layout_1(
        uint32 => 'size',
        uint32 => 'access',
        uint32 => 'flags',
        uint32 => 'mode',
        uint64 => 'offset',
        uint64 => 'length',
        uint64 => 'capacity',
        uint32 => 'advice',
        uint32 => 'reserved',
    );
}

package Memmap::View {
    use FFI::Platypus::Record;
    record_layout_1(opaque => 'data', uint64 => 'len');
}

package Memmap::Fault {
    use FFI::Platypus::Record;
    record_layout_1(
        uint32 => 'size',
        uint32 => 'count',
        uint32 => 'causes',
        uint32 => 'reserved',
        uint64 => 'offset',
        uint64 => 'length',
    );
}

# The C functions.
package Memmap {
    use FFI::Platypus 2.00;

    use constant { EXCLUSIVE => 1 << 0, FLUSH_SYNC => 0, ERR_HANDLE => -2, ERR_FAULT => -6 };
    use constant TO_END => ~0;
    use constant NPOS   => ~0;

    my $ffi = FFI::Platypus->new(api => 2, lib => 'libmemmap.so.0');
    $ffi->type('sint32'                   => 'status');
    $ffi->type('uint64'                   => 'handle');
    $ffi->type('record(Memmap::Options)*' => 'options');
    $ffi->type('record(Memmap::View)*'    => 'view');
    $ffi->type('record(Memmap::Fault)*'   => 'fault');

    $ffi->attach(memmap_strerror      => ['status'] => 'string');
    $ffi->attach(memmap_guard_install => []         => 'status');
    $ffi->attach(memmap_create => [ 'string', 'uint64', 'options', 'handle*' ] => 'status');
    $ffi->attach(memmap_close  => ['handle']                                   => 'status');
    $ffi->attach(memmap_reap   => ['handle']                                   => 'status');
    $ffi->attach(memmap_read   => [ 'handle', 'uint64', 'opaque', 'uint64' ]   => 'status');
    $ffi->attach(memmap_write  => [ 'handle', 'uint64', 'string', 'uint64' ]   => 'status');
    $ffi->attach(memmap_flush  => [ 'handle', 'uint64', 'uint64', 'uint32' ]   => 'status');
    $ffi->attach(memmap_find =>
            [ 'handle', 'uint64', 'uint64', 'string', 'uint64', 'uint64*' ] => 'status');
    $ffi->attach(memmap_pin       => [ 'handle', 'view' ]  => 'status');
    $ffi->attach(memmap_unpin     => ['handle']            => 'status');
    $ffi->attach(memmap_get_fault => [ 'handle', 'fault' ] => 'status');

    sub check ($status) {
        die Memmap::Error->new($status) if $status != 0;
    }

    my %size_of = map { $_ => $ffi->sizeof("record($_)") } qw(Memmap::Options Memmap::Fault);

    # Creates a struct with its size in the member `size`, as the library requires.
    sub sized ($class, %members) { $class->new(%members, size => $size_of{$class}) }
}

# A status that isn't 0. As a string it says what is wrong.
package Memmap::Error {
    use overload '""' => sub ($self, @) { Memmap::memmap_strerror($self->{status}) };
    sub new ($class, $status) { bless { status => $status }, $class }
    sub status ($self) { $self->{status} }
}

# An open mapping.
package Memmap::Map {
    use FFI::Platypus::Buffer qw(scalar_to_pointer window);

    sub create ($class, $path, $size) {
        my $options = Memmap::sized('Memmap::Options', flags => Memmap::EXCLUSIVE, mode => 0640);
        Memmap::check(Memmap::memmap_create($path, $size, $options, \my $handle));
        return bless { handle => $handle }, $class;
    }

    # A map that is dropped without closing it is closed, and counted as a leak.
    sub DESTROY ($self) { Memmap::memmap_reap($self->{handle}) }

    sub close ($self) { Memmap::check(Memmap::memmap_close($self->{handle})) }

    sub write ($self, $offset, $bytes) {
        Memmap::check(Memmap::memmap_write($self->{handle}, $offset, $bytes, length $bytes));
    }

    sub read ($self, $offset, $length) {
        my $buffer = "\0" x $length;
        my $status = Memmap::memmap_read($self->{handle}, $offset, scalar_to_pointer($buffer), $length);
        Memmap::check($status);
        return $buffer;
    }

    sub flush ($self, $offset = 0, $length = Memmap::TO_END) {
        Memmap::check(Memmap::memmap_flush($self->{handle}, $offset, $length, Memmap::FLUSH_SYNC));
    }

    # The offset, or -1 as index has it.
    sub find ($self, $needle) {
        my @arguments = (0, Memmap::TO_END, $needle, length $needle, \my $found);
        Memmap::check(Memmap::memmap_find($self->{handle}, @arguments));
        return $found == Memmap::NPOS ? -1 : $found;
    }

    # Lends the bytes to $use, without a copy. Throws afterwards if bytes were lost: a load
    # reports nothing.
    sub pinned ($self, $use) {
        my $view = Memmap::View->new;
        Memmap::check(Memmap::memmap_pin($self->{handle}, $view));
        window(my $bytes, $view->data, $view->len);
        my $done   = eval { $use->(\$bytes); 1 };
        my $error  = $@;
        my $status = Memmap::memmap_unpin($self->{handle});
        die $error unless $done;
        Memmap::check($status);
    }

    sub fault ($self) {
        my $fault = Memmap::sized('Memmap::Fault');
        Memmap::check(Memmap::memmap_get_fault($self->{handle}, $fault));
        return $fault;
    }
}

# The error of $work must be this status of libmemmap's own.
sub expect ($status, $where, $work) {
    return if eval { $work->(); 1 };
    die $@ unless ref $@ && $@->isa('Memmap::Error') && $@->status == $status;
    say "$where: $@";
}

sub tour ($path) {
    my $size = 1 << 20;
    Memmap::check(Memmap::memmap_guard_install());
    my $map = Memmap::Map->create($path, $size);

    $map->write(100, 'Hello, mmap');
    $map->flush(100, 11);    # On the device from here on.
    say $map->read(100, 11);
    say 'found at ', $map->find('mmap');

    expect(
        Memmap::ERR_FAULT,
        'the file was cut',
        sub {
            $map->pinned(
                sub ($bytes) {
                    truncate $path, $size / 16 or die "$path: $!";    # As another process might do it.
                    say 'read behind the cut: ', ord substr $$bytes, $size / 2, 1;
                }
            );
        }
    );
    my $lost = $map->fault;
    say sprintf 'lost: %d bytes from %d on', $lost->length, $lost->offset;
    say 'still there: ', $map->read(100, 11);

    $map->close;
    expect(Memmap::ERR_HANDLE, 'after close', sub { $map->read(100, 11) });
}

unless (caller) {
    die "usage: tour FILE\n" unless @ARGV == 1;
    eval { tour($ARGV[0]); 1 } or die "tour: $@\n";
}

1;
