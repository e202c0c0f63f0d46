#!/usr/bin/env node
// npm create holdfast <folder>: makes the folder a package with Holdfast installed, and lets `holdfast init` write the rest.
// `--from <folder>` installs from the tarballs in a folder instead of the registry.
import { parseArgs } from 'node:util';
import { createProject } from '../index.mjs';

const USAGE =
  'Usage: npm create holdfast <folder>, or npx create-holdfast <folder> [--from <folder of tarballs>]';

const project = read();
try {
  createProject(project);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
console.log(`\nNext:\n  cd ${project.folder}\n  npx holdfast dev`);

function read() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { from: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length === 1) return { folder: positionals[0], from: values.from };
  } catch (error) {
    console.error(error.message);
  }
  console.error(USAGE);
  process.exit(2);
}
