// node-gyp-build ships no types: one function that finds and loads the addon of a package folder.
declare module 'node-gyp-build' {
  export default function load(packageRoot: string): unknown;
}
