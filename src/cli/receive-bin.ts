#!/usr/bin/env node
// The bin `receive`: godwit receive.
import { run } from './godwit.ts';

process.exitCode = await run(['receive', ...process.argv.slice(2)]);
