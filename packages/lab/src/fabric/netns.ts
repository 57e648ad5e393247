/**
 * Network namespaces without names: a namespace lives as long as somebody holds its descriptor or runs in it, so the lab
 * leaves nothing in /run/netns and a lab that dies takes its empty namespaces with it.
 *
 * A thread is moved into a namespace for the length of one synchronous call (`run`) and back. Whatever that call creates
 * stays there: sockets belong to the namespace they were opened in, a child process starts in the namespace of the
 * thread that forks it, and /proc/sys/net shows the caller's namespace. Nothing asynchronous may happen inside.
 */
import { closeSync, openSync } from 'node:fs'
import { CLONE, setns, unshare } from '@starling/sys'

const OWN = '/proc/thread-self/ns/net'

export interface Netns {
  readonly name: string
  /** Runs a synchronous action with the calling thread inside the namespace. */
  run<T>(action: () => T): T
  /** Descriptor of the namespace: `/proc/PID/fd/N` is what `nsenter --net=` takes. */
  readonly fd: number
  close(): void
}

/** Throws SysError (EPERM) where namespaces are forbidden, Unsupported where native calls are. */
export function createNetns(name: string): Netns {
  const home = openSync(OWN, 'r')
  try {
    unshare(CLONE.NEWNET)
    let fd: number
    try {
      fd = openSync(OWN, 'r')
    } finally {
      setns(home, CLONE.NEWNET)
    }
    return netns(name, fd)
  } finally {
    closeSync(home)
  }
}

/** One that another process holds open: `/proc/PID/fd/N`. */
export function openNetns(name: string, path: string): Netns {
  return netns(name, openSync(path, 'r'))
}

/** The namespace this process lives in. */
export function currentNetns(): Netns {
  return netns('lab', openSync(OWN, 'r'))
}

function netns(name: string, fd: number): Netns {
  let open = true
  return {
    name,
    fd,
    run: (action) => {
      if (!open) throw new Error(`namespace ${name} is closed`)
      const home = openSync(OWN, 'r')
      try {
        setns(fd, CLONE.NEWNET)
        try {
          return action()
        } finally {
          setns(home, CLONE.NEWNET)
        }
      } finally {
        closeSync(home)
      }
    },
    close: () => {
      if (open) closeSync(fd)
      open = false
    },
  }
}
