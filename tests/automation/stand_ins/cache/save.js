// A key that is there is never written again.
const fs = require('fs');
const path = require('path');

const kept = path.join(process.env.STAND_IN_STORE, 'cache', process.env.INPUT_KEY);
if (process.env.STATE_exact !== 'true' && fs.existsSync(process.env.INPUT_PATH)) {
  fs.cpSync(process.env.INPUT_PATH, kept, { recursive: true });
  console.log(`cache: saved ${process.env.INPUT_KEY}`);
}
