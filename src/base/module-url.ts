/**
 * Where a module of ours lies that is started rather than imported: a worker. In a clone it is `x.ts`, in the installed package
 * the compiler made `x.js` of it; the compiler rewrites import specifiers, but not strings. Pure.
 */

/**
 * The URL of the module `specifier` (relative, ending in `.ts`) as seen from the module `from` (its `import.meta.url`):
 * `new Worker(moduleUrl('./transform-worker.ts', import.meta.url))`.
 */
export function moduleUrl(specifier: `./${string}.ts` | `../${string}.ts`, from: string): URL {
  return new URL(from.endsWith('.ts') ? specifier : specifier.replace(/\.ts$/, '.js'), from)
}
