// beside.js FOLDER: the tour in a program that listens to SIGBUS itself, and then a signal for that listener.

'use strict';

const path = require('node:path');

// Node's is installed when the first listener is, so it lies behind the guard.
process.on('SIGBUS', () => {
  console.log('a signal of somebody else');
  process.exit();
});

const { tour } = require('../../../examples/ffi/tour.js');

tour(path.join(process.argv[2], 'ours')).then(() => {
  process.kill(process.pid, 'SIGBUS');
  setInterval(() => {}, 1000); // Until the listener ends it.
});
