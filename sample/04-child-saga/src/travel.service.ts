import { Injectable } from '@nestjs/common';
import { Compensate, SagaStep, StepError } from 'nest-saga';

/** The handlers of a trip. What they do is to say it: the sample is about who calls whom, and when. */
@Injectable()
export class TravelService {
  @SagaStep('trip.plan') plan({ cities }: { cities: readonly string[] }) {
    return { legs: cities.slice(1).map((to, place) => ({ from: cities[place], to })) };
  }

  @SagaStep('trip.book') book({ from, to }: { from: string; to: string }) {
    console.log(`    booked ${from} to ${to}`);
    return { ticket: `${from}-${to}` };
  }

  @Compensate('trip.unbook', { for: 'trip.book' }) unbook(booked: { ticket: string } | undefined) {
    console.log(`    cancelled ${booked?.ticket ?? 'whatever was booked'}`);
  }

  @SagaStep('trip.confirm') confirm({ tickets, receipt }: { tickets: readonly { ticket: string }[]; receipt: string }) {
    if (tickets.some(({ ticket }) => ticket.endsWith('Atlantis')))
      throw new StepError({ code: 'NO_SUCH_PLACE', message: 'nobody flies to Atlantis', retryable: false });
    return { confirmed: `${tickets.length} tickets, ${receipt}` };
  }
}
