// What people hold in their hands: an authenticator app, and a passkey.
import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

// The code of an authenticator app (RFC 6238).
export function totp(key, steps = 0) {
  const bits = [...key.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const seed = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const sum = createHmac('sha1', seed).update(counter).digest();
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// A passkey in software (WebAuthn level 2, attestation "none", ES256).
export class Authenticator {
  id = randomBytes(16);
  count = 0;
  keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(origin) { this.origin = origin; }

  client(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  data(rp, flags, more = Buffer.alloc(0)) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE((this.count += 1));
    return Buffer.concat([createHash('sha256').update(rp).digest(), Buffer.from([flags]), count, more]);
  }

  answer(response) {
    const encoded = Object.fromEntries(Object.entries(response).map(([k, v]) => [k, Buffer.isBuffer(v) ? v.toString('base64url') : v]));
    const id = this.id.toString('base64url');
    return JSON.stringify({ id, rawId: id, type: 'public-key', response: encoded });
  }

  create(text) {
    const { publicKey } = JSON.parse(text);
    this.handle = Buffer.from(publicKey.user.id, 'base64url');
    const { x, y } = this.keys.publicKey.export({ format: 'jwk' });
    const cose = Buffer.concat([Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]), Buffer.from(x, 'base64url'), Buffer.from([0x22, 0x58, 32]), Buffer.from(y, 'base64url')]);
    const data = this.data(publicKey.rp.id, 0x45, Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, cose]));
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3, 0x63]), Buffer.from('fmt'), Buffer.from([0x64]), Buffer.from('none'), Buffer.from([0x67]), Buffer.from('attStmt'),
      Buffer.from([0xa0, 0x68]), Buffer.from('authData'), Buffer.from([0x58, data.length]), data,
    ]);
    return this.answer({ clientDataJSON: this.client('webauthn.create', publicKey.challenge), attestationObject });
  }

  get(text) {
    const { publicKey } = JSON.parse(text);
    const authenticatorData = this.data(publicKey.rpId, 0x05);
    const clientDataJSON = this.client('webauthn.get', publicKey.challenge);
    const signature = sign('sha256', Buffer.concat([authenticatorData, createHash('sha256').update(clientDataJSON).digest()]), this.keys.privateKey);
    return this.answer({ clientDataJSON, authenticatorData, signature, userHandle: this.handle });
  }
}
