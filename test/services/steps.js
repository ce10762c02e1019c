// Says each step as it ends, and at the end with what service, how many were run and which were not.

/** A jest reporter: a step is a test, and a scenario a file of them. */
export default class Steps {
  #startedMs = Date.now();
  #counts = { passed: 0, failed: 0 };
  #skipped = [];

  onTestCaseResult(_, { title, status, duration }) {
    if (status !== 'passed' && status !== 'failed') return;
    this.#counts[status] += 1;
    const seconds = ((duration ?? 0) / 1000).toFixed(1).padStart(6);
    process.stdout.write(`${status === 'passed' ? 'ok  ' : 'FAIL'} ${seconds} s  ${title}\n`);
  }

  /** What is skipped never ends as a case. */
  onTestResult(_, { testResults }) {
    for (const { title, status } of testResults) if (status === 'pending') this.#skipped.push(title);
  }

  onRunComplete(_, { numRuntimeErrorTestSuites }) {
    const { passed, failed } = this.#counts;
    const minutes = ((Date.now() - this.#startedMs) / 60_000).toFixed(1);
    const broken = numRuntimeErrorTestSuites > 0 ? `, ${numRuntimeErrorTestSuites} scenarios that did not begin` : '';
    const skipped = this.#skipped.map((title) => `  skipped: ${title}\n`).join('') || '  no step was skipped\n';
    process.stdout.write(
      `\n${process.env.LM_SERVICE ?? 'no service'}: ${passed + failed} steps in ${minutes} minutes, ${failed} failed${broken}\n${skipped}`,
    );
  }
}
