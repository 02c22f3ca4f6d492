/**
 * The Node that runs the tests and the machine's npm as packages, `node-linux-<arch>` and `npm`, for registries on loopback that builders
 * take their tools from. Made once and kept in `.cache/`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findTool, REPOSITORY } from './needs.ts'
import type { SamplePackage } from './npm-registry.ts'

/** Both, ready to be published. */
export function buildTools(): SamplePackage[] {
  const node = process.versions.node
  // `…/npm/bin/npm-cli.js`, wherever the link in PATH lies.
  const root = dirname(dirname(realpathSync(findTool('npm') ?? 'npm')))
  const npm = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  return [
    {
      name: `node-linux-${process.arch}`,
      version: node,
      tarball: packed(`node-${node}`, dirname(process.execPath), 'bin'),
    },
    { name: 'npm', version: npm.version, tarball: packed(`npm-${npm.version}`, root, '') },
  ]
}

/** A tarball with what lies in `folder` below `package/<place>`. */
function packed(name: string, folder: string, place: string): Buffer {
  const cache = join(REPOSITORY, '.cache/build-tools')
  const file = join(cache, `${name}.tgz`)
  if (!existsSync(file)) {
    mkdirSync(cache, { recursive: true })
    const prefix = ['package', place].filter(Boolean).join('/')
    const made = `${file}.${process.pid}`
    const what = place === 'bin' ? 'node' : '.'
    const transform = `--transform=s,^\\(\\./\\)\\?,${prefix}/,S`
    execFileSync('tar', ['-c', '--use-compress-program=gzip -1', '-f', made, '-C', folder, transform, what])
    renameSync(made, file)
  }
  return readFileSync(file)
}
