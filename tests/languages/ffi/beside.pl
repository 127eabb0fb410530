# beside.pl FOLDER: the tour in a program that handles SIGBUS itself, and then a signal for that handler.

use v5.36;
use FindBin;

$| = 1;
my ($folder) = @ARGV;

# Perl's is installed here, so it lies behind the guard.
local $SIG{BUS} = sub { say 'a signal of somebody else' };

require "$FindBin::Bin/../../../examples/ffi/tour.pl";
tour("$folder/ours");
kill BUS => $$;
