/**
 * What `npm run` adds to the environment, taken out again, so that a test finds the same under `npm test` as under `node --test`:
 * above all npm's own answer to where the user's configuration is, which would lead a client with a HOME of its own astray.
 */

/** Settings of npm that say where packages come from; whoever set them meant the tests' installs too. */
const KEPT = /^npm_config_(?:registry|cache|cafile|https?_proxy|noproxy)$/i

/** Removes npm's own variables from `environment`, in place. */
export function dropNpmVariables(environment: Record<string, string | undefined>): void {
  for (const name of Object.keys(environment)) {
    if ((name.startsWith('npm_') && !KEPT.test(name)) || name === 'INIT_CWD') delete environment[name]
  }
}
