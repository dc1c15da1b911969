import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { newCertificate } from '../../test/certificate.ts';
import {
  daemonFilePath,
  ownAuthority,
  readDaemonFile,
  removeDaemonFile,
  writeDaemonFile,
} from './daemon-file.ts';

function newHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'wiz-home-'));
  t.after(() => rmSync(home, { recursive: true }));
  return home;
}

const file = (managerId: string) => ({ url: 'http://127.0.0.1:1', token: 'wiz_x', managerId, pid: 7 });

describe('daemon.json', () => {
  it('is for its owner only, and the last daemon to begin has it', (t) => {
    const home = newHome(t);
    writeDaemonFile(home, file('m1'));
    writeDaemonFile(home, file('m2'));
    assert.equal(statSync(daemonFilePath(home)).mode & 0o777, 0o600);
    assert.deepEqual(readDaemonFile(home), file('m2'));
    removeDaemonFile(home, 'm1');
    assert.deepEqual(readDaemonFile(home), file('m2'));
    removeDaemonFile(home, 'm2');
    removeDaemonFile(home, 'm2');
    assert.deepEqual(readdirSync(home), []);
  });

  it('takes the place of a link, and does not write where it leads', (t) => {
    const home = newHome(t);
    const elsewhere = join(home, 'elsewhere');
    writeFileSync(elsewhere, 'as it was', { mode: 0o644 });
    symlinkSync(elsewhere, daemonFilePath(home));
    writeDaemonFile(home, file('m1'));
    assert.deepEqual(readDaemonFile(home), file('m1'));
    assert.equal(statSync(elsewhere).size, 'as it was'.length);
  });

  it('names the authority of a certificate when nobody else knows it', (t) => {
    const home = newHome(t);
    const path = join(home, 'c.pem');
    const authority = newCertificate('an authority');
    const issued = newCertificate('daemon', { issuer: authority });
    const own = (pem: string) => {
      writeFileSync(path, pem);
      return ownAuthority(path);
    };
    assert.equal(own(authority.certificate), authority.certificate);
    assert.equal(own(issued.certificate), undefined);
    const chain = `${issued.certificate}${authority.certificate}`;
    assert.equal(own(chain), chain);
  });

  it('that makes no sense is none', (t) => {
    const home = newHome(t);
    assert.equal(readDaemonFile(home), undefined);
    for (const text of ['', '{', 'null', '[]', '{"url":7,"token":"x"}']) {
      writeFileSync(daemonFilePath(home), text);
      assert.equal(readDaemonFile(home), undefined);
    }
    removeDaemonFile(home, 'm1');
  });
});
