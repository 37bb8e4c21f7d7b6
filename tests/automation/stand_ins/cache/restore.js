// The exact key, else the newest one that begins as a restore key does.
const fs = require('fs');
const path = require('path');

const store = path.join(process.env.STAND_IN_STORE, 'cache');
const input = (name) => process.env[`INPUT_${name}`] || '';
fs.mkdirSync(store, { recursive: true });
const newest = fs.readdirSync(store)
  .map((name) => ({ name, time: fs.statSync(path.join(store, name)).mtimeMs }))
  .sort((a, b) => b.time - a.time)
  .map(({ name }) => name);
const wanted = [input('KEY'), ...input('RESTORE-KEYS').split('\n').map((line) => line.trim()).filter(Boolean)];
const found = wanted.map((start, at) => newest.find((name) => (at ? name.startsWith(start) : name === start)))
  .find(Boolean);
if (found) fs.cpSync(path.join(store, found), input('PATH'), { recursive: true });
fs.appendFileSync(process.env.GITHUB_STATE, `exact=${found === input('KEY')}\n`);
console.log(found ? `cache: restored ${found}` : 'cache: nothing to restore');
