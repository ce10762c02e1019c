// Limits repeated notices to the agent's operator: at most one line a minute of each kind, with the number of notices like it.

/**
 * `unread`: a file, or a directory in a listing, that this user may not read or the disk fails to read. `unnamed`: owners whose names
 * could not be looked up. `tls`: no TLS session came about.
 */
export type NoticeKind = 'refused' | 'tls' | 'unread' | 'unlisted' | 'unnamed' | 'root' | 'arrived';

export type Notice = (kind: NoticeKind, text: string) => void;

interface Notices {
  /** Reports at once the first notice of a kind in a minute. Counts those after it, and reports the last when the minute is over. */
  notice: Notice;
  /** Reports what was counted. */
  close(): void;
}

const EVERY_MS = 60_000;

interface Pending {
  timer: NodeJS.Timeout;
  more: number;
  last: string;
}

export function createNotices(report: (kind: NoticeKind, text: string) => void, everyMs = EVERY_MS): Notices {
  const kinds = new Map<NoticeKind, Pending>();

  function flush(kind: NoticeKind): void {
    const { more, last } = kinds.get(kind)!;
    kinds.delete(kind);
    if (more === 0) return;
    report(kind, more === 1 ? last : `${last} (and ${more - 1} more like it since the last line)`);
    open(kind);
  }

  function open(kind: NoticeKind): void {
    kinds.set(kind, { timer: setTimeout(() => flush(kind), everyMs).unref(), more: 0, last: '' });
  }

  return {
    notice(kind, text) {
      const pending = kinds.get(kind);
      if (pending) {
        pending.more++;
        pending.last = text;
        return;
      }
      report(kind, text);
      open(kind);
    },
    close() {
      for (const kind of [...kinds.keys()]) {
        clearTimeout(kinds.get(kind)!.timer);
        flush(kind);
      }
      for (const { timer } of kinds.values()) clearTimeout(timer);
      kinds.clear();
    },
  };
}
