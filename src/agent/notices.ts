// What an agent's operator should see and cannot act on a thousand times: one line a kind and minute, with the number of those like it.

/**
 * `unread`: a file, or a directory in a listing, that this user may not read or the disk does not give. `unnamed`: owners whose names could
 * not be looked up.
 */
export type NoticeKind = 'refused' | 'unencrypted' | 'unread' | 'unlisted' | 'unnamed' | 'root' | 'came';

export type Notice = (kind: NoticeKind, text: string) => void;

export interface Notices {
  /** Said at once when it is the first of its kind for a minute; else counted, and the last of them said when the minute is over. */
  notice: Notice;
  /** Says what was counted. */
  close(): void;
}

const EVERY_MS = 60_000;

interface Pending {
  timer: NodeJS.Timeout;
  more: number;
  last: string;
}

export function createNotices(say: (kind: NoticeKind, text: string) => void, everyMs = EVERY_MS): Notices {
  const kinds = new Map<NoticeKind, Pending>();

  function flush(kind: NoticeKind): void {
    const { more, last } = kinds.get(kind)!;
    kinds.delete(kind);
    if (more === 0) return;
    say(kind, more === 1 ? last : `${last} (and ${more - 1} more like it since the last line)`);
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
      say(kind, text);
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
