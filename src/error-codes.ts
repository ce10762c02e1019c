// The table of error codes, of the system, of TLS and of undici: what each means to people, and what another try could change.

interface CodeMeaning {
  /** What happened to a connection to the source. */
  reason?: string;
  /** What a client did in place of a TLS handshake with the agent. */
  handshake?: string;
  /** What the operator of this host can do after a failed call. */
  hint?: string;
  /** Another try may succeed. */
  isTransient?: true;
  /** The other end may have closed the connection while it was idle. */
  isClosed?: true;
  /** A failure of this host, whatever the call. */
  isLocal?: true;
}

/** An empty meaning for a code that is not in the table. */
export const meaningOf = (code: string | undefined): CodeMeaning => TABLE.get(code ?? '') ?? {};

export const RUN_AGAIN = 'run the same command again; what was copied is kept';

const OWNER = 'run as the user who owns the directory';
const UNSIGNED = 'its certificate is not signed by --client-ca';

const CODES: Record<string, CodeMeaning> = {
  ENOSPC: { hint: `free some space and ${RUN_AGAIN}`, isLocal: true },
  EDQUOT: { hint: `raise the quota and ${RUN_AGAIN}`, isLocal: true },
  EROFS: { hint: 'the file system is mounted read-only', isLocal: true },
  EIO: { isLocal: true },
  ENOMEM: { isLocal: true },
  ENFILE: { hint: 'the whole system has too many files open', isLocal: true },
  EMFILE: { hint: 'raise the open file limit (ulimit -n)', isLocal: true },
  EACCES: { hint: OWNER },
  EPERM: { hint: OWNER },
  EFBIG: { hint: 'raise the file size limit (ulimit -f), unless the file system takes no files of that size' },
  EAGAIN: { hint: 'raise the limit of processes and threads (ulimit -u)' },

  ECONNREFUSED: { reason: 'connection refused', isTransient: true },
  ECONNRESET: { reason: 'connection reset', handshake: 'it hung up', isTransient: true, isClosed: true },
  ECONNABORTED: { isTransient: true },
  EPIPE: { reason: 'connection closed', isTransient: true, isClosed: true },
  ETIMEDOUT: { reason: 'connection timed out', isTransient: true },
  EHOSTUNREACH: { reason: 'no route to host', isTransient: true },
  EHOSTDOWN: { isTransient: true },
  ENETUNREACH: { reason: 'network unreachable', isTransient: true },
  ENETDOWN: { isTransient: true },
  EADDRNOTAVAIL: { isTransient: true },
  EAI_AGAIN: { reason: 'name lookup failed for now', isTransient: true },
  UND_ERR_CONNECT_TIMEOUT: { reason: 'connection timed out', isTransient: true },
  UND_ERR_HEADERS_TIMEOUT: { reason: 'no answer in time', isTransient: true },
  UND_ERR_BODY_TIMEOUT: { reason: 'the answer stopped coming', isTransient: true },
  UND_ERR_SOCKET: { reason: 'connection closed', isTransient: true, isClosed: true },
  UND_ERR_CLOSED: { isTransient: true },
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: { isTransient: true },
  UND_ERR_REQ_RETRY: { isTransient: true },

  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: { handshake: 'it shows no client certificate' },
  ERR_SSL_HTTP_REQUEST: { handshake: 'it speaks plain HTTP' },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: { handshake: UNSIGNED },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: { handshake: UNSIGNED },
  SELF_SIGNED_CERT_IN_CHAIN: { handshake: UNSIGNED },
  DEPTH_ZERO_SELF_SIGNED_CERT: { handshake: UNSIGNED },
  CERT_HAS_EXPIRED: { handshake: 'its certificate has expired' },
};

/** A map, so that no code finds a property of Object.prototype. */
const TABLE = new Map(Object.entries(CODES));
