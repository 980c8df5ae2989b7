// Receivers of alerts: webhooks, and a mail server (npm's smtp-server, with
// STARTTLS and a log-in). Each message is one line of JSON on the output; the
// first line tells the ports.
import http from 'node:http';
import { createRequire } from 'node:module';
const require = createRequire(process.cwd() + '/');
const { SMTPServer } = require('smtp-server');

const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
let busy = 2;

// /busy refuses twice, /never always; /slack, /discord and /hook take it.
const hooks = http.createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    const status = request.url === '/never' ? 404
      : request.url === '/busy' && busy-- > 0 ? 503 : 200;
    say({ to: request.url, status, type: request.headers['content-type'],
      body: JSON.parse(body) });
    response.writeHead(status, { 'Retry-After': '0' }).end('ok');
  });
});

const mail = new SMTPServer({
  authOptional: true,
  disableReverseLookup: true,
  onRcptTo: (address, session, done) =>
    done(address.address.startsWith('nobody')
      ? Object.assign(new Error('no such person here'), { responseCode: 550 })
      : null),
  onAuth: (auth, session, done) =>
    auth.username === 'caller' && auth.password === 'open sesame'
      ? done(null, { user: 'caller' }) : done(new Error('wrong password')),
  onData: (stream, session, done) => {
    let text = '';
    stream.on('data', (piece) => { text += piece; });
    stream.on('end', () => {
      say({ to: session.envelope.rcptTo.map((r) => r.address), text,
        from: session.envelope.mailFrom.address, tls: session.secure,
        user: session.user ?? null });
      done();
    });
  },
});
mail.on('error', () => {}); // of one connection

hooks.listen(0, '127.0.0.1', () => mail.listen(0, '127.0.0.1', () =>
  say({ hooks: hooks.address().port, mail: mail.server.address().port })));
