#!/usr/bin/env node
// The bin `migrate`: godwit migrate.
import { run } from './run.ts';

process.exitCode = await run(['migrate', ...process.argv.slice(2)]);
