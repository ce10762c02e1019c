// As whom lm runs, for what depends on it. Plain data: the process is asked once, by whoever starts a run.

export interface User {
  /** The effective one. */
  uid: number;
  /** Of the files and directories whose mode the source does not tell. */
  umask: number;
  home: string | undefined;
  /** What the operator's own commands run in. */
  env: Readonly<Record<string, string | undefined>>;
}

/** Whether this process may set the mode of what is not its own, and go where a mode keeps others out. What it may give away is tried. */
export const isRoot = ({ uid }: Pick<User, 'uid'>): boolean => uid === 0;
