/**
 * Small Python projects, one for each back end, as trees for a git repository; and an upstream that publishes them as their authors
 * would: the back end's hooks on this machine, in whatever surroundings it is in.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { NewFile } from '../../src/sources/tree/folder.ts'
import { toolPath, WHEELS } from './needs.ts'
import { mustRun } from './process.ts'
import type { PypiIndex } from './pypi-index.ts'

/** One project. */
export interface PythonProject {
  /** Also the name of its back end. */
  readonly name: string
  readonly backend: string
  readonly files: readonly NewFile[]
}

/** Version of every sample. */
export const SAMPLE_VERSION = '1.2.0'
/** When the back ends were released, and when the samples were, seconds since 1970. */
export const SAMPLE_TIMES = {
  tools: 1_704_067_200,
  committed: 1_717_200_000,
  released: 1_717_286_400,
  requested: 1_719_792_000,
} as const

const URLS = (name: string): string => `Source = "https://git.example.com/somebody/${name}"`
const DESCRIPTION = `description = "a sample"\nreadme = "README.md"\n`

/** The samples. */
export const PYTHON_PROJECTS: readonly PythonProject[] = [
  project('sample-setuptools', 'setuptools.build_meta', ['setuptools>=61'], {
    more: '[tool.setuptools.package-data]\n"*" = ["*.txt"]\n[project.scripts]\nsample-run = "sample_setuptools:run"\n',
    dynamic: '[tool.setuptools.dynamic]\nversion = { attr = "sample_setuptools.__version__" }\n',
  }),
  project('sample-flit', 'flit_core.buildapi', ['flit_core>=3.2,<4'], {}),
  project('sample-hatchling', 'hatchling.build', ['hatchling'], {
    more: '[tool.hatch.build.targets.sdist]\ninclude = ["/sample_hatchling", "/README.md"]\n',
  }),
  poetry('sample-poetry'),
  project('sample-pdm', 'pdm.backend', ['pdm-backend'], {}),
]

function project(
  name: string,
  backend: string,
  requires: readonly string[],
  { more = '', dynamic }: { readonly more?: string; readonly dynamic?: string },
): PythonProject {
  const version = dynamic === undefined ? `version = "${SAMPLE_VERSION}"\n` : 'dynamic = ["version"]\n'
  const pyproject = [
    `[build-system]\nrequires = ${JSON.stringify(requires)}\nbuild-backend = "${backend}"\n`,
    `[project]\nname = "${name}"\n${version}${DESCRIPTION}requires-python = ">=3.8"\nlicense = { text = "MIT" }\n`,
    `[project.urls]\n${URLS(name)}\n${more}${dynamic ?? ''}`,
  ].join('\n')
  return { name, backend, files: treeOf(name, pyproject) }
}

function poetry(name: string): PythonProject {
  const pyproject = [
    '[build-system]\nrequires = ["poetry-core>=1.0.0"]\nbuild-backend = "poetry.core.masonry.api"\n',
    `[tool.poetry]\nname = "${name}"\nversion = "${SAMPLE_VERSION}"\n${DESCRIPTION}license = "MIT"\nauthors = ["A <a@example.com>"]\n`,
    `repository = "https://git.example.com/somebody/${name}"\n`,
    '[tool.poetry.dependencies]\npython = ">=3.8"\n',
  ].join('')
  return { name, backend: 'poetry.core.masonry.api', files: treeOf(name, pyproject) }
}

function treeOf(name: string, pyproject: string): NewFile[] {
  const module = name.replaceAll('-', '_')
  return [
    { path: 'pyproject.toml', content: pyproject },
    { path: 'README.md', content: `# ${name}\n` },
    {
      path: `${module}/__init__.py`,
      content: `__version__ = "${SAMPLE_VERSION}"\n\n\ndef run():\n    print("it runs")\n`,
    },
    // Many, so that an order of the file system would show.
    ...['zeta', 'alpha', 'Mid', 'b', 'é'].map((word) => ({
      path: `${module}/inner/${word}.py`,
      content: `x = "${word}"\n`,
    })),
    { path: `${module}/inner/__init__.py`, content: '' },
    { path: `${module}/words.txt`, content: 'one\ntwo\n' },
    { path: `${module}/tool.sh`, content: '#!/bin/sh\n', executable: true },
  ]
}

/** Publishes the back ends in `.cache/tools/wheels`. */
export function publishBackends(index: PypiIndex): void {
  const uploadTime = new Date(SAMPLE_TIMES.tools * 1000).toISOString()
  for (const file of readdirSync(WHEELS).filter((each) => each.endsWith('.whl'))) {
    index.publishFile(file.split('-')[0] ?? '', file, readFileSync(join(WHEELS, file)), uploadTime)
  }
}

/** What an author has: a Python with every back end in it. Its path. */
export async function authorsPython(folder: string): Promise<string> {
  const wheels = readdirSync(WHEELS).filter((file) => file.endsWith('.whl'))
  await mustRun(toolPath('python3'), ['-m', 'venv', '--without-pip', folder])
  const pip = join(WHEELS, wheels.find((file) => file.startsWith('pip-')) ?? '', 'pip')
  const python = join(folder, 'bin/python')
  const args = [
    'install',
    '--isolated',
    '--quiet',
    '--no-index',
    '--no-deps',
    ...wheels.map((file) => join(WHEELS, file)),
  ]
  await mustRun(python, [pip, ...args])
  return python
}

/** Makes wheel and source archive of a tree and publishes them. */
export async function publishProject(
  { name, backend, files }: PythonProject,
  { index, python, folder }: { readonly index: PypiIndex; readonly python: string; readonly folder: string },
): Promise<void> {
  const tree = join(folder, `${name}-tree`)
  for (const { path, content, executable } of files) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), content, { mode: executable === true ? 0o755 : 0o644 })
  }
  const out = join(folder, `${name}-out`)
  mkdirSync(out)
  for (const hook of ['build_wheel', 'build_sdist']) {
    const code = `import importlib, sys; importlib.import_module("${backend}").${hook}(sys.argv[1])`
    await mustRun(python, ['-c', code, out], { cwd: tree })
  }
  const uploadTime = new Date(SAMPLE_TIMES.released * 1000).toISOString()
  for (const file of readdirSync(out)) index.publishFile(name, file, readFileSync(join(out, file)), uploadTime)
}
