// Runs one `lm` command after another, as bin/lm.js would run each in a process of its own; kept-processes.ts gives them.

const program = import('../../dist/main.js');

process.on('message', async ({ args, cwd, env, umask }) => {
  const { main } = await program;
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.umask(umask);
  process.chdir(cwd);
  const code = await main(args);
  process.chdir('/'); // what is under a directory in use could not be unmounted
  process.removeAllListeners('SIGHUP');
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.write(`\0ended ${code}\0`);
  }
});
process.on('disconnect', () => process.exit());
