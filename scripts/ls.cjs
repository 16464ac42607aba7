// Prints the files of one folder that end in a suffix, for binding.gyp; nothing when the folder is not there.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);
const [folder, suffix] = process.argv.slice(2);
const dir = path.join(root, folder);
const names = fs.existsSync(dir) ? fs.readdirSync(dir) : [];
for (const name of names.filter((n) => n.endsWith(suffix)).sort()) console.log(`${folder}/${name}`);
