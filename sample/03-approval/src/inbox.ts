import { Injectable } from '@nestjs/common';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly sagaId: string;
  /** What a real mail would have in its link. */
  readonly token: string;
}

/** Where people get their mail, and where the stories look over their shoulders. */
@Injectable()
export class Inbox {
  private readonly mails: Mail[] = [];
  private readonly readers = new Set<() => void>();

  deliver(mail: Mail): void {
    console.log(`  mail to the ${mail.to}: ${mail.subject}`);
    this.mails.push(mail);
    for (const look of this.readers) look();
  }

  /** The first mail about this saga to this person, once it is there. */
  async mailTo(person: string, sagaId: string): Promise<Mail> {
    return new Promise((resolve) => {
      const look = (): void => {
        const mail = this.mails.find(({ to, sagaId: about }) => to === person && about === sagaId);
        if (mail === undefined) return;
        this.readers.delete(look);
        resolve(mail);
      };
      this.readers.add(look);
      look();
    });
  }
}
