/**
 * What dockerd is examined by: the mirrors that the running daemon has, since a file that was changed counts only after a
 * reload. It falls back to Docker Hub by itself when the node is down, so nothing need be done in an emergency.
 */
import type { ClientDoctor } from '../../ecosystem.ts'

/** dockerd. */
export const dockerDoctor: ClientDoctor = {
  files: () => [],
  leaks: () => [],
  where: { program: 'docker', args: ['info', '--format', '{{json .RegistryConfig.Mirrors}}'], read: firstMirror },
  bypass: 'docker pull falls back to Docker Hub by itself',
}

function firstMirror(stdout: string): string[] {
  try {
    const mirrors: unknown = JSON.parse(stdout)
    if (!Array.isArray(mirrors) || mirrors.length === 0) return ['Docker Hub alone: the daemon was not reloaded']
    return [String(mirrors[0])]
  } catch {
    return []
  }
}
