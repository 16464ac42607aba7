// The layers of docs/architecture.md as rules: cli -> source | target -> transport -> images -> errors, and
// source | target -> kernel -> native.ts. Each rule says who must not import whom.
'use strict';

const layer = (name) => `^src/${name}/`;
const native = '^src/native[^/]*\\.ts$';

const bundled = ['cli-progress', 'cli-table3', 'pretty-bytes', 'ws', 'yargs', 'zod'];

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-to-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'source-and-target-are-apart',
      comment: 'They run on different hosts: what both need belongs to a layer below.',
      severity: 'error',
      from: { path: '^src/(source|target)/' },
      to: { path: '^src/(source|target)/', pathNot: '^src/$1/' },
    },
    {
      name: 'nobody-imports-the-cli',
      severity: 'error',
      from: { path: '^src/', pathNot: layer('cli') },
      to: { path: layer('cli') },
    },
    {
      name: 'kernel-knows-no-migration',
      severity: 'error',
      from: { path: layer('kernel') },
      to: { path: '^src/(source|target|transport|cli)/' },
    },
    {
      name: 'transport-knows-no-kernel',
      comment: 'Also images: what travels must be readable on a machine without Linux.',
      severity: 'error',
      from: { path: '^src/(transport|images)/' },
      to: { path: ['^src/(source|target|kernel|cli)/', native] },
    },
    {
      name: 'images-know-no-transport',
      severity: 'error',
      from: { path: layer('images') },
      to: { path: layer('transport') },
    },
    {
      name: 'errors-import-nothing',
      severity: 'error',
      from: { path: '^src/(errors|units)\\.ts$' },
      to: { path: '^src/' },
    },
    {
      name: 'one-door-to-the-addon',
      comment: 'src/native.ts loads it; source, target and kernel call it through that facade.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/native\\.ts$' },
      to: { path: 'node_modules/node-gyp-build' },
    },
    {
      name: 'product-imports-no-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'no-dev-dependency-in-the-product',
      comment: 'But those that scripts/bundle.mjs is meant to put into dist/, each with its license.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
        pathNot: `^node_modules/(@types/)?(${bundled.join('|')})/`,
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
