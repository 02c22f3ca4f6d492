/**
 * Files that hold one Ed25519 private key each (PKCS #8 PEM, mode 0600): the node's identity and its keys for other roles. Adapter:
 * it reads and writes them. A key is never logged, and a file is never written over.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { AppError } from '../base/errors.ts'

/** A PEM of one Ed25519 key has some 120 bytes; anything much larger is not ours. */
const FILE_BYTES_MAX = 4096

/**
 * The key in a file; undefined if there is no such file.
 * @throws usage.config if others than the owner may read it; damaged.identity if it holds no Ed25519 key
 */
export function readKeyFile(file: string): KeyObject | undefined {
  let descriptor: number
  try {
    descriptor = fs.openSync(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new AppError('damaged.identity', `opening the key file ${file}`, { cause: error })
  }
  try {
    const found = fs.fstatSync(descriptor)
    if ((found.mode & 0o077) !== 0) {
      const mode = (found.mode & 0o777).toString(8)
      throw new AppError('usage.config', `${file} has mode ${mode}, wanted 600: others may read it; chmod 600 it`)
    }
    if (found.size > FILE_BYTES_MAX) {
      throw new AppError('damaged.identity', `wanted an Ed25519 key in ${file}, found ${found.size} bytes`)
    }
    return parseKey(file, fs.readFileSync(descriptor))
  } finally {
    fs.closeSync(descriptor)
  }
}

function parseKey(file: string, bytes: Buffer): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey({ key: bytes, format: 'pem' })
  } catch (error) {
    throw new AppError('damaged.identity', `wanted an Ed25519 key (PKCS #8 PEM) in ${file}`, { cause: error })
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new AppError('damaged.identity', `wanted an Ed25519 key in ${file}, found ${key.asymmetricKeyType}`)
  }
  return key
}

/**
 * Keeps a key in a file, unless there is one by now: writes beside and links in, so that of two first starts one wins and nobody
 * ever reads half a key. What is kept then is read with `readKeyFile`. The directory must exist.
 */
export function writeKeyFile(file: string, key: KeyObject): void {
  const beside = `${file}.${process.pid}.new`
  fs.rmSync(beside, { force: true })
  const descriptor = fs.openSync(beside, 'wx', 0o600)
  try {
    fs.writeFileSync(descriptor, key.export({ type: 'pkcs8', format: 'pem' }))
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
  try {
    fs.linkSync(beside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    fs.rmSync(beside, { force: true })
  }
  const folder = fs.openSync(dirname(file), 'r')
  try {
    fs.fsyncSync(folder)
  } finally {
    fs.closeSync(folder)
  }
}
