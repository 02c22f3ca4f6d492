/** Hands a job's tree to the user that it runs as, and takes trees away, whatever a build made of them. */
import { execFile } from 'node:child_process'

const PATH = '/usr/bin:/bin:/usr/sbin:/sbin'

/** Gives everything below `root` to `uid`; links themselves, not what they lead to. */
export async function handOver(root: string, uid: number): Promise<void> {
  await run('chown', ['-hRP', `${uid}:${uid}`, '--', root])
}

/** Removes a tree of any depth, also one that its builder made unreadable; never leaves the file system or follows a link. */
export async function removeTree(path: string): Promise<void> {
  const remove = (): Promise<void> => run('rm', ['-rf', '--one-file-system', '--', path])
  try {
    await remove()
  } catch {
    await run('chmod', ['-R', 'u+rwX', '--', path]).catch(() => undefined)
    await remove()
  }
}

function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env: { PATH }, cwd: '/' }, (error) => (error === null ? resolve() : reject(error)))
  })
}
