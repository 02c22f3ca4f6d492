/**
 * What npm, pnpm and yarn are examined by: which files and variables count more than the user's file, and how each says where it
 * goes. A project's `.npmrc` comes before the user's, and a variable before both (npm's documentation, "config").
 */
import {
  type ClientDoctor,
  type ClientEnvironment,
  type ClientFile,
  type ClientLeak,
  type ClientView,
  leadsTo,
  variableLeak,
  withoutPasswords,
} from '../../ecosystem.ts'
import { npmDefaultUrl } from '../default-upstream.ts'
import { type LineSyntax, linesOf, NPMRC, settingOf, YAML } from './lines.ts'

const NPM_VARIABLES = ['npm_config_registry', 'NPM_CONFIG_REGISTRY']

/** npm. */
export const npmDoctor: ClientDoctor = {
  files: projectNpmrc,
  leaks: (view) => [...variables(view, NPM_VARIABLES), ...registries(view, 'registry', NPMRC), ...scopes(view)],
  where: { args: ['config', 'get', 'registry'], read: urlsIn },
  ask: ['ping', '--fetch-retries=0'],
  bypass: `npm install --registry=${npmDefaultUrl()}/`,
}

/** pnpm. */
export const pnpmDoctor: ClientDoctor = {
  files: (env) => [
    ...projectNpmrc(env),
    { path: `${env.project}/pnpm-workspace.yaml`, mode: 0o644, role: 'workspace' },
  ],
  leaks(view) {
    const named = registries(view, 'registry', NPMRC)
    const workspace = ofRole(view, 'workspace').flatMap(({ file, text }) =>
      elsewhere(view, file, text, 'registry', YAML),
    )
    return [...variables(view, [...NPM_VARIABLES, 'pnpm_config_registry']), ...named, ...workspace, ...scopes(view)]
  },
  where: { args: ['config', 'get', 'registry'], read: urlsIn },
  bypass: `pnpm install --registry=${npmDefaultUrl()}/`,
}

/** yarn 2 and later; yarn 1 is not pointed here. */
export const yarnDoctor: ClientDoctor = {
  files: (env) => [{ path: `${env.project}/.yarnrc.yml`, mode: 0o644, role: 'project-own' }],
  leaks: (view) => [
    ...variables(view, ['YARN_NPM_REGISTRY_SERVER']),
    ...ofRole(view, 'project-own').flatMap(({ file, text }) => elsewhere(view, file, text, 'npmRegistryServer', YAML)),
  ],
  bypass: `YARN_NPM_REGISTRY_SERVER=${npmDefaultUrl()} yarn install`,
}

function projectNpmrc(env: ClientEnvironment): ClientFile[] {
  return [{ path: `${env.project}/.npmrc`, mode: 0o644, role: 'project' }]
}

function registries(view: ClientView, key: string, syntax: LineSyntax): ClientLeak[] {
  return ofRole(view, 'project').flatMap(({ file, text }) => elsewhere(view, file, text, key, syntax))
}

function elsewhere(view: ClientView, file: ClientFile, text: string, key: string, syntax: LineSyntax): ClientLeak[] {
  const value = settingOf(text, key, syntax)
  if (value === undefined || value === '' || leadsTo(value, view.url)) return []
  return [
    {
      replaces: true,
      where: `${key} in ${file.path}`,
      found: withoutPasswords(value),
      mend: `take the line ${key} out of ${file.path}, or give that registry to the node: pyrsia start --upstream npm=URL`,
    },
  ]
}

/** A scope with a registry of its own is asked there, whatever `registry` says. */
function scopes(view: ClientView): ClientLeak[] {
  return view.files
    .filter(({ file }) => file.role === 'npmrc' || file.role === 'project')
    .flatMap(({ file, text }) =>
      linesOf(text).flatMap((line) => {
        const setting = NPMRC.read(line.replace(/\r?\n$/, ''))
        const isScope = setting !== undefined && /^@[^:]+:registry$/.test(setting.key)
        if (!isScope || leadsTo(setting.value, view.url)) return []
        return [
          {
            replaces: false,
            where: `${setting.key} in ${file.path}`,
            found: withoutPasswords(setting.value),
            mend: `keep it if these packages are private; else take ${setting.key} out of ${file.path}`,
          },
        ]
      }),
    )
}

function variables(view: ClientView, names: readonly string[]): ClientLeak[] {
  return names.flatMap((name) => {
    const value = view.variables[name]
    return value === undefined || value === '' || leadsTo(value, view.url) ? [] : [variableLeak(name, value, true)]
  })
}

function ofRole(view: ClientView, role: string): ClientView['files'] {
  return view.files.filter(({ file }) => file.role === role)
}

function urlsIn(stdout: string): string[] {
  return stdout.split('\n').filter((line) => /^https?:\/\//.test(line))
}
