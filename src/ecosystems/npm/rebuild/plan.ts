/** What a manifest says about how its package is made: which scripts run when it is published, and what it depends on. Pure. */
import { z } from 'zod'
import type { JsonObject } from '../packument/packument.ts'
import { foreignSpecifier } from './lock.ts'
import { textsOf } from './manifest.ts'

/** What a reviewed mapping may change, `[recipe]` of `mappings/`. */
export interface NpmOverride {
  /** Versions of the tools. */
  readonly node?: string | undefined
  readonly npm?: string | undefined
  /** Scripts to run before the package is packed, instead of those that publishing runs. */
  readonly scripts?: readonly string[] | undefined
  /** False: install scripts of dependencies are not run. */
  readonly 'install-scripts'?: boolean | undefined
}

const version = z.string().regex(/^\d+\.\d+\.\d+$/)
/** Schema of `NpmOverride`. */
export const npmOverride: z.ZodType<NpmOverride> = z.strictObject({
  node: version.optional(),
  npm: version.optional(),
  scripts: z.array(z.string().min(1).max(100)).max(16).optional(),
  'install-scripts': z.boolean().optional(),
})

/** How a package is made. */
export interface PackPlan {
  /** Scripts to run one after the other. */
  readonly scripts: readonly string[]
  /** Whether packing runs scripts of its own. */
  readonly packRunsScripts: boolean
  /** Whether dependencies must be there. */
  readonly installs: boolean
}

/** Scripts that npm itself runs when it packs. */
const PACK_SCRIPTS = ['prepack', 'prepare', 'postpack'] as const
/** Sets up hooks of git, which a checkout does not have, and makes no file of the package. */
const ONLY_HOOKS =
  /^(?:is-ci \|\| )?(?:husky(?: install)?(?: [\w./-]+)?|simple-git-hooks|lefthook install)(?: \|\| (?:true|exit 0|echo.*))?$/

/** The plan for a manifest. */
export function planOf(manifest: JsonObject, override: NpmOverride): PackPlan {
  const scripts = textsOf(manifest.scripts)
  const has = (name: string): boolean => scripts[name] !== undefined && !ONLY_HOOKS.test(scripts[name].trim())
  const packRunsScripts = PACK_SCRIPTS.some(has)
  const published = ['prepublishOnly', 'prepublish'].filter(has).slice(0, 1)
  // Whoever has no script for publishing builds by hand before it.
  const byHand = published.length === 0 && !packRunsScripts && has('build') ? ['build'] : []
  const chosen = override.scripts ?? [...published, ...byHand]
  const bundles = manifest.bundleDependencies ?? manifest.bundledDependencies
  const isBundled = bundles === true || (Array.isArray(bundles) && bundles.length > 0)
  return { scripts: chosen, packRunsScripts, installs: chosen.length > 0 || packRunsScripts || isBundled }
}

/** The first dependency that no registry states a digest of, for the reason of a refusal. */
export function foreignDependency(manifest: JsonObject): string | undefined {
  for (const field of ['dependencies', 'devDependencies', 'optionalDependencies'] as const) {
    for (const [name, specifier] of Object.entries(textsOf(manifest[field]))) {
      const foreign = foreignSpecifier(specifier)
      if (foreign !== undefined) {
        return `it depends on ${name.slice(0, 100)} from ${foreign} (${specifier.slice(0, 100)}), which no registry states a digest of`
      }
    }
  }
  return undefined
}

/** Folders of the source that a manifest depends on, relative to its own. */
export function localFolders(manifest: JsonObject): readonly string[] {
  return (['dependencies', 'devDependencies', 'optionalDependencies'] as const).flatMap((field) =>
    Object.values(textsOf(manifest[field])).flatMap((specifier) => /^(?:file|link):(.+)$/.exec(specifier)?.[1] ?? []),
  )
}

/** Settings of a project that decide what is installed and cannot lead anywhere else. */
const HARMLESS = ['legacy-peer-deps', 'strict-peer-deps', 'install-strategy', 'global-style', 'legacy-bundling']

/** A project's `.npmrc` without everything that could have an effect on where things come from or what is run. */
export function harmlessNpmrc(text: string): string {
  const kept = text
    .split(/\r?\n/)
    .filter((line) => HARMLESS.some((key) => new RegExp(`^\\s*${key}\\s*=\\s*[\\w-]+\\s*$`).test(line)))
  return kept.map((line) => `${line.trim()}\n`).join('')
}
