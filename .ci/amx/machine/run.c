// run makes the calls that main.go, a directory above, has written and tells port 0xe9 how many words differ.
typedef unsigned long u64;
typedef unsigned int u32;

extern u64 file[];
void call_kernel(u64 address, void *argument);

static void out(unsigned short port, unsigned char b) { __asm__ volatile("outb %0, %1" : : "a"(b), "Nd"(port)); }

static void say(const char *s) { while (*s) out(0xe9, *s++); }

static void number(u64 n)
{
	if (n > 9) number(n / 10);
	out(0xe9, '0' + n % 10);
}

struct slice { void *p; u64 len, cap; };
struct strip { struct slice c, x, w, next; u64 numbers[6]; };

static u32 c[1 << 14];

static int nan(u32 w) { return (w << 1) > 0xff000000u; }

void run(void)
{
	u64 *at = file, segments = *at++, calls, wrong = 0;
	for (u64 i = 0; i < segments; i++) {
		u64 *to = (u64 *)at[0], n = at[1] / 8;
		at += 2;
		for (u64 j = 0; j < n; j++) to[j] = at[j];
		at += n;
	}
	calls = *at++;
	for (u64 i = 0; i < calls; i++) {
		u64 address = at[0], nc = at[1], nx = at[2], nw = at[3], differ = 0;
		u32 *words = (u32 *)(at + 10), *want = words + nc + nx + nw;
		struct strip s = {{c, nc, nc}, {words + nc, nx, nx}, {words + nc + nx, nw, nw}, {words, nc, nc}, {0}};
		for (int j = 0; j < 6; j++) s.numbers[j] = at[4 + j];
		for (u64 j = 0; j < nc; j++) c[j] = words[j];
		call_kernel(address, &s);
		for (u64 j = 0; j < nc; j++) differ += c[j] != want[j] && !(nan(c[j]) && nan(want[j]));
		if (differ) {
			say("call "), number(i), say(": "), number(differ), say(" words differ\n");
			wrong++;
		}
		at = (u64 *)(want + nc);
	}
	number(calls), say(" calls, "), number(wrong), say(" wrong\n");
	for (const char *s = "Shutdown"; *s; s++) out(0x8900, *s);
}
