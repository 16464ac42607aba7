#!/usr/bin/env node
// The bin `receive`: godwit receive.
import { run } from './run.ts';

process.exitCode = await run(['receive', ...process.argv.slice(2)]);
