/**
 * What the files of a source tree say of the project: pyproject.toml (PEP 518, 621; poetry's and flit's own tables), setup.cfg,
 * setup.py (literals only: it is a program, and is not run for this), PKG-INFO. Pure.
 */
import { parse } from 'smol-toml'
import { isObject, type JsonObject } from '../pages/json.ts'
import { readCoreMetadata, spdxOf } from './core-metadata.ts'

/** Files that say something of a project, best first. */
export const MANIFESTS = ['pyproject.toml', 'setup.cfg', 'setup.py', 'PKG-INFO'] as const

/** What one or several manifests say. */
export interface Manifest {
  readonly name: string | undefined
  /** Undefined: it is not stated but computed when the project is built. */
  readonly version: string | undefined
  readonly licence: string | undefined
  /** Which file named the project. */
  readonly statedBy: string
}

/** How a project wants to be built (PEP 518, 517). */
export interface BuildSystem {
  readonly requires: readonly string[]
  readonly backend: string
  readonly backendPath: readonly string[]
}

/** What a project without a build-system table means, as pip has it; older setuptools ask for wheel by themselves (PEP 517). */
export const LEGACY_BUILD: BuildSystem = {
  requires: ['setuptools>=40.8.0'],
  backend: 'setuptools.build_meta:__legacy__',
  backendPath: [],
}

/** Versions that stand for one that a plug-in puts in their place. */
const PLACEHOLDERS = new Set(['0', '0.0', '0.0.0', '0.0.1.dev0'])

/** Puts together what the files of one folder say; `texts` by names of `MANIFESTS`. A file that cannot be parsed says nothing. */
export function readManifest(texts: Readonly<Record<string, string>>): Manifest | undefined {
  const found = [
    ['pyproject.toml', fromPyproject(texts['pyproject.toml'])],
    ['setup.cfg', fromSetupCfg(texts['setup.cfg'])],
    ['setup.py', fromSetupPy(texts['setup.py'])],
    ['PKG-INFO', fromPkgInfo(texts['PKG-INFO'])],
  ] as const
  const said = found.flatMap(([file, manifest]) => (manifest === undefined ? [] : [{ file, ...manifest }]))
  const namer = said.find(({ name }) => name !== undefined) ?? said[0]
  if (namer === undefined) return undefined
  // PKG-INFO was made with the release, when the version was known.
  const versions = [...said.filter(({ file }) => file === 'PKG-INFO'), ...said]
  return {
    name: namer.name,
    version: versions.find(({ version }) => version !== undefined)?.version,
    licence: said.find(({ licence }) => licence !== undefined)?.licence,
    statedBy: namer.file,
  }
}

/** The build-system table, or what its absence means; a reason if it is malformed. */
export function readBuildSystem(pyproject: string | undefined): BuildSystem | string {
  if (pyproject === undefined) return LEGACY_BUILD
  const document = parseToml(pyproject)
  if (document === undefined) return 'pyproject.toml is no TOML'
  const table = document['build-system']
  if (table === undefined) return LEGACY_BUILD
  if (!isObject(table) || !isTexts(table.requires)) return 'pyproject.toml: build-system has no list of requirements'
  const { requires, 'build-backend': backend, 'backend-path': path } = table
  if (backend === undefined) return { ...LEGACY_BUILD, requires }
  const isBackend = typeof backend === 'string' && /^[A-Za-z_][\w.]*(?::[A-Za-z_][\w.]*)?$/.test(backend)
  if (!isBackend || (path !== undefined && !isTexts(path))) return 'pyproject.toml: build-backend is malformed'
  return { requires, backend, backendPath: path === undefined ? [] : path }
}

type Said = Omit<Manifest, 'statedBy'>

function fromPyproject(text: string | undefined): Said | undefined {
  const document = text === undefined ? undefined : parseToml(text)
  if (document === undefined) return undefined
  const project = tableOf(document, 'project')
  const poetry = tableOf(document, 'tool', 'poetry')
  const flit = tableOf(document, 'tool', 'flit', 'metadata')
  const name = [project?.name, poetry?.name, flit?.['dist-name'], flit?.module].find(isText)
  const stated = [project?.version, poetry?.version].find(isText)
  const isPlaced = stated !== undefined && PLACEHOLDERS.has(stated) && /dynamic|versioning|dunamai/.test(text ?? '')
  const licence = [project?.license, tableOf(document, 'project', 'license')?.text, poetry?.license, flit?.license]
  if (name === undefined && stated === undefined) return undefined
  return { name, version: isPlaced ? undefined : stated, licence: licence.map(spdxOf).find(isText) }
}

/** Values of the section `metadata` that are no directives (`attr:`, `file:`). */
function fromSetupCfg(text: string | undefined): Said | undefined {
  if (text === undefined) return undefined
  const values = new Map<string, string>()
  let section = ''
  for (const line of text.split(/\r?\n/)) {
    const [, head] = /^\[([^\]]*)\]/.exec(line) ?? []
    if (head !== undefined) section = head.trim()
    const [, key = '', value = ''] = /^([A-Za-z][\w-]*)\s*[=:]\s*(.*)$/.exec(line) ?? []
    if (section === 'metadata' && key !== '') values.set(key.toLowerCase().replaceAll('-', '_'), value.trim())
  }
  const plain = (key: string): string | undefined => {
    const value = values.get(key)
    return value === undefined || value === '' || /^(?:attr|file):/.test(value) ? undefined : value
  }
  const [name, version] = [plain('name'), plain('version')]
  return name === undefined && version === undefined ? undefined : { name, version, licence: spdxOf(plain('license')) }
}

/** Literals that stand in the call of `setup`. */
function fromSetupPy(text: string | undefined): Said | undefined {
  if (text === undefined) return undefined
  const call = text.slice(Math.max(0, text.search(/\bsetup\s*\(/)))
  const literal = (key: string): string | undefined =>
    new RegExp(`(?:^|[\\s(,])${key}\\s*=\\s*(?:"([^"\\n{}%]+)"|'([^'\\n{}%]+)')\\s*(?:,|\\)|\\n|$)`)
      .exec(call)
      ?.slice(1)
      .find(isText)
  return { name: literal('name'), version: literal('version'), licence: spdxOf(literal('license')) }
}

function fromPkgInfo(text: string | undefined): Said | undefined {
  if (text === undefined) return undefined
  const { name, version, licence } = readCoreMetadata(text)
  return name === undefined ? undefined : { name, version, licence }
}

function parseToml(text: string): JsonObject | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

function tableOf(document: JsonObject, ...keys: readonly string[]): JsonObject | undefined {
  let found: unknown = document
  for (const key of keys) found = isObject(found) ? found[key] : undefined
  return isObject(found) ? found : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
