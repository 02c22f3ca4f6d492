/** A run of npm in the sandbox, with nothing of anybody's configuration. Pure. */
import { REGISTRY_URL, type RecipeNeed } from '../../../base/rebuild/build-plan.ts'
import { NODE, NPM } from './tools.ts'

/** What every run of npm finds in its environment, which counts for more than any file. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/build/tools/node/bin:/usr/local/bin:/usr/bin:/bin',
  npm_config_userconfig: '/build/work/no-npmrc',
  npm_config_globalconfig: '/build/work/no-global-npmrc',
  npm_config_cache: '/build/work/npm-cache',
  npm_config_registry: REGISTRY_URL,
  // Documents name upstream's host, which is not to be reached here.
  npm_config_replace_registry_host: 'always',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_progress: 'false',
  npm_config_update_notifier: 'false',
  npm_config_loglevel: 'warn',
  npm_config_fetch_retries: '0',
}

/** Runs npm without network in a folder of the job, code of the project and all. */
export function npmStep(name: string, args: readonly string[], directory: string): RecipeNeed {
  const env = { ...ENVIRONMENT, npm_config_offline: 'true' }
  return { kind: 'run', step: { name, argv: [NODE, NPM, ...args], directory, env } }
}

/** Runs npm with the registry as of then, and no code of anybody: what it installs is looked at by nobody. */
export function npmRegistryStep(
  name: string,
  args: readonly string[],
  directory: string,
  asOfSeconds: number,
): RecipeNeed {
  const env = { ...ENVIRONMENT, npm_config_ignore_scripts: 'true', npm_config_bin_links: 'false' }
  return { kind: 'run', step: { name, argv: [NODE, NPM, ...args], directory, env, registry: { asOfSeconds } } }
}
