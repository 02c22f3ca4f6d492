/** Core metadata (METADATA, PKG-INFO) and WHEEL files, which are written as mail headers are. Pure. */

/** Header fields, names in lower case, in their order. */
export type Fields = ReadonlyMap<string, readonly string[]>

/** What a distribution says of itself. */
export interface CoreMetadata {
  readonly name: string | undefined
  /** As it is spelled there. */
  readonly version: string | undefined
  /** SPDX expression, where it can be told. */
  readonly licence: string | undefined
  /** True if it has `Platform: UNKNOWN`, as setuptools before 62.2 wrote where nothing was stated. */
  readonly isOldStyle: boolean
  /** Labelled URLs, the home page last. */
  readonly urls: ReadonlyArray<{ readonly label: string; readonly url: string }>
}

const FIELDS_MAX = 10_000
/** Classifiers that mean one licence only. */
const CLASSIFIED: Readonly<Record<string, string>> = {
  'Apache Software License': 'Apache-2.0',
  'GNU General Public License v3 (GPLv3)': 'GPL-3.0-only',
  'GNU General Public License v3 or later (GPLv3+)': 'GPL-3.0-or-later',
  'GNU Lesser General Public License v3 (LGPLv3)': 'LGPL-3.0-only',
  'ISC License (ISCL)': 'ISC',
  'MIT License': 'MIT',
  'MIT No Attribution License (MIT-0)': 'MIT-0',
  'Mozilla Public License 2.0 (MPL 2.0)': 'MPL-2.0',
  'Python Software Foundation License': 'PSF-2.0',
  'The Unlicense (Unlicense)': 'Unlicense',
  'zlib/libpng License': 'Zlib',
}
/** One identifier of SPDX, or an expression of such. */
const SPDX = /^\(*[A-Za-z0-9][A-Za-z0-9.+-]*\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9][A-Za-z0-9.+-]*\)*)*$/

/** The fields before the first empty line; lines that begin with white space continue the one before. */
export function readFields(text: string): Fields {
  const fields = new Map<string, string[]>()
  let last: string[] | undefined
  for (const line of text.split(/\r?\n/, FIELDS_MAX)) {
    if (line === '') break
    if (/^\s/.test(line) && last !== undefined) {
      last.push(`${last.pop() ?? ''}\n${line.trim()}`)
      continue
    }
    const [, name, value = ''] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined) continue
    last = fields.get(name.toLowerCase()) ?? []
    last.push(value.trim())
    fields.set(name.toLowerCase(), last)
  }
  return fields
}

/** What METADATA or PKG-INFO says. */
export function readCoreMetadata(text: string): CoreMetadata {
  const fields = readFields(text)
  const urls = (fields.get('project-url') ?? []).flatMap((line) => {
    const comma = line.indexOf(',')
    return comma < 0 ? [] : { label: line.slice(0, comma).trim(), url: line.slice(comma + 1).trim() }
  })
  for (const label of ['Home-page', 'Download-URL']) {
    const [url] = fields.get(label.toLowerCase()) ?? []
    if (url !== undefined && url !== '' && url !== 'UNKNOWN') urls.push({ label, url })
  }
  const [name, version] = [fields.get('name')?.[0], fields.get('version')?.[0]]
  const isOldStyle = fields.get('platform')?.[0] === 'UNKNOWN'
  return { name, version, licence: licenceOf(fields), isOldStyle, urls }
}

/** An SPDX expression, if `text` is short enough to be one and is no prose. */
export function spdxOf(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > 100 || !SPDX.test(text)) return undefined
  return text === 'UNKNOWN' ? undefined : text
}

/** The program that made a wheel and its version, e.g. `setuptools` and `75.1.0`, of `setuptools (75.1.0)`. */
export function readGenerator(wheel: string): { readonly tool: string; readonly version: string } | undefined {
  const [line = ''] = readFields(wheel).get('generator') ?? []
  const [, tool = '', version = ''] = /^([\w.-]+) \(?(\d[\w.!]*)\)?$/.exec(line) ?? []
  return tool === '' ? undefined : { tool, version }
}

function licenceOf(fields: Fields): string | undefined {
  const [expression] = fields.get('license-expression') ?? []
  const [plain] = fields.get('license') ?? []
  const classified = (fields.get('classifier') ?? []).flatMap((line) => {
    const [kind, ...rest] = line.split(' :: ')
    return kind === 'License' ? (CLASSIFIED[rest.at(-1) ?? ''] ?? []) : []
  })
  return spdxOf(expression) ?? (classified.length === 1 ? classified[0] : undefined) ?? spdxOf(plain)
}
