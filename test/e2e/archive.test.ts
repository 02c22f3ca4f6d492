/**
 * Strict readers against archives of real tools, and against Python's readers: what real writers make is accepted; of what is done to it,
 * whatever is still accepted reads in Python just as here.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Archive } from '../../src/archive/archive.ts'
import { compareBytes } from '../../src/archive/compare.ts'
import { readArchiveNow } from '../../src/archive/reading/read-archive.ts'
import { AppError } from '../../src/base/errors.ts'
import { canonicalize } from '../../src/ecosystems/npm/canonicalize.ts'
import { LAYER, TAR, ZIP } from '../kit/archive-formats.ts'
import { needs, toolPath } from '../kit/needs.ts'
import { scratch } from '../kit/node-process.ts'
import { mustRun } from '../kit/process.ts'

const MUTATIONS = 150
const LONG = `${'deep/'.repeat(24)}file.txt`

const WRITE_ZIPS = `
import os, sys, zipfile
def add(out):
    for folder, folders, files in os.walk('.'):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), '.')
            if not os.path.islink(path): out.write(path)
for name, method in (('deflated', zipfile.ZIP_DEFLATED), ('stored', zipfile.ZIP_STORED)):
    with zipfile.ZipFile('../python-%s.zip' % name, 'w', method) as out: add(out)
class Pipe:
    def __init__(self, path): self.file = open(path, 'wb')
    def write(self, data): return self.file.write(data)
    def flush(self): self.file.flush()
    def close(self): self.file.close()
with zipfile.ZipFile(Pipe('../python-piped.zip'), 'w', zipfile.ZIP_DEFLATED) as out: add(out)
with zipfile.ZipFile('../python-wide.zip', 'w', zipfile.ZIP_DEFLATED) as out:
    with out.open('a.txt', 'w', force_zip64=True) as file: file.write(b'wide')
`
const WRITE_TARS = `
import tarfile
for name, format in (('pax', tarfile.PAX_FORMAT), ('gnu', tarfile.GNU_FORMAT)):
    with tarfile.open('../python-%s.tar.gz' % name, 'w:gz', format=format) as out: out.add('.', 'top')
`
const READ = `
import hashlib, json, sys, tarfile, zipfile
sha = lambda data: hashlib.sha256(data).hexdigest()
for path in sys.stdin.read().split('\\n'):
    try:
        found = []
        if '.zip' in path:
            with zipfile.ZipFile(path) as source:
                for info in source.infolist(): found.append([info.filename.rstrip('/'), 'dir' if info.is_dir() else sha(source.read(info))])
        else:
            with tarfile.open(path) as source:
                for info in source.getmembers():
                    what = sha(source.extractfile(info).read()) if info.isfile() else 'dir' if info.isdir() else '-> ' + info.linkname
                    found.append([info.name, what])
        print(json.dumps({'path': path, 'found': sorted(found)}))
    except Exception as error:
        print(json.dumps({'path': path, 'error': repr(error)}))
`

/** As the Python program above says it. */
function told(archive: Archive, isZip: boolean): string {
  const lines = archive.entries.map(({ path, type, sha256, target }) => {
    const link = isZip ? hash('sha256', target ?? '', 'hex') : `-> ${target}`
    return [path.replace(/^\.\//, ''), type === 'directory' ? 'dir' : (sha256 ?? link)]
  })
  return JSON.stringify(lines.map((line) => line.join(' ')).sort())
}

function makeTree(folder: string): void {
  const files = {
    'a.txt': 'a\n'.repeat(300),
    empty: '',
    [LONG]: 'deep',
    'sub/caf\u00e9.txt': 'caf\u00e9',
    'run.sh': '#!/bin/sh\n',
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), content)
    utimesSync(join(folder, path), 1_000_000_000, 1_000_000_000)
  }
  chmodSync(join(folder, 'run.sh'), 0o755)
}

/** Whole numbers below `below`, the same in each run. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function mutated(good: Buffer, other: Buffer, next: (below: number) => number): Buffer {
  const at = next(good.byteLength)
  const [head, tail] = [good.subarray(0, at), good.subarray(at)]
  const flipped = Buffer.from(good)
  switch (next(6)) {
    case 0:
      return Buffer.concat([head, other.subarray(next(other.byteLength)).subarray(0, next(600)), tail])
    case 1:
      return Buffer.concat([head, tail.subarray(next(600))])
    case 2:
      return Buffer.concat([head, good.subarray(next(good.byteLength)).subarray(0, 512 * next(4)), tail])
    default:
      flipped[at] = (flipped[at] ?? 0) ^ (1 << next(8))
      return flipped
  }
}

test(
  'archives of Python, Info-ZIP, GNU tar and jar are accepted; mutated ones, if they are, read in Python as here',
  needs('python3', 'zip', 'tar', 'jar'),
  async (t) => {
    const root = await scratch(t, 'pyrsia-archive')
    const tree = join(root, 'tree')
    mkdirSync(tree)
    makeTree(tree)
    const sh = (line: string) => mustRun('sh', ['-c', line], { cwd: tree })
    await mustRun(toolPath('python3'), ['-c', WRITE_ZIPS], { cwd: tree })
    await sh(
      'zip -qr ../infozip.zip . -x "sub/*" && zip -qr - a.txt run.sh deep | cat > ../infozip-piped.zip && jar cf ../jar.zip .',
    )
    symlinkSync('a.txt', join(tree, 'link'))
    await sh('zip -qry ../infozip-link.zip a.txt link')
    await mustRun(toolPath('python3'), ['-c', WRITE_TARS], { cwd: tree })
    for (const format of ['gnu', 'posix', 'ustar']) await sh(`tar --format=${format} -czf ../tar-${format}.tar.gz .`)
    const names = readdirSync(root)
      .filter((name) => name !== 'tree')
      .sort()
    assert.equal(names.length, 13, names.join(' '))
    const mutants = join(root, 'mutants')
    mkdirSync(mutants)
    const next = numbersFrom(20_261_130)
    const ours = new Map<string, string>()
    let refused = 0
    for (const name of names) {
      const good = readFileSync(join(root, name))
      const other: Buffer = readFileSync(join(root, names[next(names.length)] ?? name))
      for (let index = 0; index <= MUTATIONS; index++) {
        const bytes: Buffer = index === 0 ? good : mutated(good, other, next)
        const format = name.endsWith('.zip') ? ZIP : TAR
        try {
          const archive = readArchiveNow(bytes, format)
          const path = join(mutants, `${index}-${name}`)
          writeFileSync(path, bytes)
          ours.set(path, told(archive, format === ZIP))
        } catch (error) {
          assert.ok(
            error instanceof AppError && ['untrusted.archive', 'exhausted.size'].includes(error.code),
            String(error),
          )
          assert.notEqual(index, 0, `${name}: ${error.message}`)
          assert.equal(compareBytes(good, bytes, format).level, 'malformed')
          refused++
        }
      }
    }
    t.diagnostic(`${ours.size} read, ${refused} refused`)
    assert.ok(ours.size > names.length && refused > 100)
    const { stdout } = await mustRun('sh', ['-c', `ls -d "$1"/* | ${toolPath('python3')} -c "$2"`, 'sh', mutants, READ])
    for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
      const { path, found, error } = JSON.parse(line) as { path: string; found?: [string, string][]; error?: string }
      if (!ours.has(path)) continue
      assert.equal(error, undefined, path)
      const theirs = (found ?? []).map(([name, what]) => `${name.replace(/^\.\//, '')} ${what}`).sort()
      assert.equal(JSON.stringify(theirs), ours.get(path), path)
      ours.delete(path)
    }
    assert.deepEqual([...ours.keys()], [])
  },
)

test(
  'npm pack twice, from folders of another age, makes packages that are equal at the level canonical or better',
  needs('npm'),
  async (t) => {
    const root = await scratch(t, 'pyrsia-pack')
    const packed: Buffer[] = []
    for (const [at, folder] of ['one', 'two'].entries()) {
      const place = join(root, folder)
      mkdirSync(place)
      writeFileSync(
        join(place, 'package.json'),
        JSON.stringify({ name: 'demo', version: '1.0.0', bin: './run.js' }, null, 2),
      )
      writeFileSync(join(place, 'run.js'), '#!/usr/bin/env node\n', { mode: at === 0 ? 0o644 : 0o600 })
      utimesSync(join(place, 'run.js'), 1e9 + at * 1e6, 1e9)
      await mustRun(toolPath('npm'), ['pack', '--ignore-scripts'], { cwd: place })
      packed.push(readFileSync(join(place, 'demo-1.0.0.tgz')))
    }
    const [one = Buffer.alloc(0), two = Buffer.alloc(0)] = packed
    const { level } = canonicalize.compare('demo-1.0.0.tgz', one, two)
    assert.ok(['exact', 'container', 'canonical'].includes(level), level)
  },
)

test(
  'layers of GNU tar with owners, setuid, devices and hard links are read with all of it',
  needs('tar', 'root'),
  async (t) => {
    const root = await scratch(t, 'pyrsia-layer')
    const script = `mkdir -p l/dev l/etc && cd l && echo su > su && chown 1:2 su && chmod 4755 su && ln su twin && mknod dev/null c 1 3 &&
    mkfifo pipe && ln -s /etc/passwd etc/link && touch etc/.wh.gone && tar --format=posix --xattrs -czf ../layer.tar.gz .`
    await mustRun('sh', ['-c', script], { cwd: root })
    const { entries } = readArchiveNow(readFileSync(join(root, 'layer.tar.gz')), LAYER)
    const su = entries.filter(({ path }) => path === './su' || path === './twin')
    assert.deepEqual(
      su.map(({ mode, owner }) => [mode.toString(8), owner?.uid, owner?.gid]),
      [
        ['4755', 1, 2],
        ['4755', 1, 2],
      ],
    )
    assert.deepEqual(new Set(su.map(({ type }) => type)), new Set(['file', 'hardlink']))
    const types = new Map(entries.map(({ path, type }) => [path, type]))
    assert.deepEqual(
      ['./dev/null', './pipe', './etc/link', './etc/.wh.gone'].map((path) => types.get(path)),
      ['character', 'fifo', 'symlink', 'whiteout'],
    )
  },
)
