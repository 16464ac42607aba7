#!/usr/bin/env node
// The bin `godwit`: one of its commands.
import { run } from './run.ts';

process.exitCode = await run(process.argv.slice(2));
