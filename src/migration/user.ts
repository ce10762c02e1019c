// The user that lm runs as, as plain data: the command reads it from the process once.

export interface User {
  /** The effective user id. */
  uid: number;
  /** For files and directories whose mode the source does not send. */
  umask: number;
  home: string | undefined;
  /** The environment of the operator's own commands. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Whether modes do not bind this process: it may set the mode of other users' files, and open any directory. chown is tested instead. */
export const isRoot = ({ uid }: Pick<User, 'uid'>): boolean => uid === 0;
