/**
 * What gem and Bundler are examined by. gem asks every source of its list; Bundler asks the sources of the Gemfile, of which
 * the mirror stands for the default one alone, and a project's `.bundle/config` comes before the user's.
 */
import {
  type ClientDoctor,
  type ClientLeak,
  type ClientView,
  leadsTo,
  variableLeak,
  withoutPasswords,
} from '../../ecosystem.ts'
import { gemDefaultUrl, isGemDefaultUrl } from '../default-upstream.ts'
import { readMapping, scalarOf } from './mapping.ts'
import { sourcesOf } from './sources.ts'

/** gem. */
export const gemDoctor: ClientDoctor = {
  files: () => [],
  leaks: (view) => [
    ...filled(view, 'GEMRC').map((value) => variableLeak('GEMRC', value, false)),
    ...view.files.flatMap(({ file, text }) =>
      sourcesOf(text, file.path).flatMap((url) =>
        leak(view, `the source in ${file.path}`, url, `take ${withoutPasswords(url)} out of ${file.path}`),
      ),
    ),
  ],
  where: { args: ['sources', '--list'], read: (stdout) => stdout.split('\n').filter((line) => /^https?:/.test(line)) },
  bypass: `gem install --clear-sources --source ${gemDefaultUrl()} ...`,
}

/** Bundler. */
export const bundlerDoctor: ClientDoctor = {
  files: (env) => [
    { path: `${env.project}/.bundle/config`, mode: 0o644, role: 'project' },
    { path: `${env.project}/Gemfile`, mode: 0o644, role: 'gemfile' },
  ],
  leaks: (view) => [
    ...Object.entries(view.variables)
      .filter(([name, value]) => name.startsWith('BUNDLE_MIRROR__') && !leadsTo(value, view.url))
      .map(([name, value]) => variableLeak(name, value, true)),
    ...ofRole(view, 'project').flatMap(({ file, text }) =>
      readMapping(text, file.path)
        .filter(({ key, value }) => /^BUNDLE_MIRROR__/i.test(key) && !leadsTo(scalarOf(value), view.url))
        .map(({ key, value }) => ({
          replaces: true,
          where: `${key} in ${file.path}`,
          found: withoutPasswords(scalarOf(value)),
          mend: `bundle config unset --local ${key
            .replace(/^BUNDLE_/, '')
            .toLowerCase()
            .replaceAll('__', '.')}`,
        })),
    ),
    ...ofRole(view, 'gemfile').flatMap(({ file, text }) =>
      [...text.matchAll(/^\s*source\s*\(?\s*["'](https?:[^"']+)["']/gm)].flatMap(([, url = '']) =>
        isGemDefaultUrl(url)
          ? []
          : leak(
              view,
              `a source in ${file.path}`,
              url,
              `give it to the node: pyrsia start --upstream gem=${withoutPasswords(url)}`,
            ),
      ),
    ),
  ],
  bypass: 'BUNDLE_IGNORE_CONFIG=1 bundle install',
}

function leak(view: ClientView, where: string, url: string, mend: string): ClientLeak[] {
  return leadsTo(url, view.url) ? [] : [{ replaces: false, where, found: withoutPasswords(url), mend }]
}

function filled(view: ClientView, name: string): string[] {
  const value = view.variables[name]
  return value === undefined || value === '' ? [] : [value]
}

function ofRole(view: ClientView, role: string): ClientView['files'] {
  return view.files.filter(({ file }) => file.role === role)
}
